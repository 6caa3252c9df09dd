// Package console is the page at / of a host: the pair as it is, live, and what an operator may do about it.
//
// Why plain JavaScript and SVG: the page must open on whatever browser is at hand at three in the morning, from the
// binary alone, and be read by whoever fixes it. There is no build step, no library, and nothing is fetched from
// anywhere but the host.
//
// What it guarantees: everything it shows comes from the operator interface (server-sent events of
// /api/v1/stream); values are set as text, never as markup, and the Content-Security-Policy allows no inline script or
// style; it shows nothing of the pair before somebody has logged in with the token of an operator, which it sends once and keeps
// nowhere; when live updates stop it says how old what it shows is, and where the console of the other host is, which asks for a
// login of its own.
package console

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed page
var files embed.FS

// Pages gives what is served, by path: the page at / and what belongs to it. Whoever reaches the host may have these: they tell nothing
// of the pair.
func Pages() map[string]http.Handler {
	pages := map[string]http.Handler{}
	// The tree is embedded: it can be read.
	_ = fs.WalkDir(files, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		at := "/console/" + strings.TrimPrefix(name, "page/")
		if path.Base(name) == "index.html" {
			at = "/"
		}
		pages[at] = asset{body: body, kind: kindOf(name)}
		return nil
	})
	return pages
}

// asset is one file.
type asset struct {
	body []byte
	kind string
}

// ServeHTTP implements http.Handler.
func (a asset) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"+
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(a.body) // who does not read the answer does not get it
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}
