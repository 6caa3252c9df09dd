// Package console is the page at / of a host: the live state of the pair, and the actions that an operator may take.
//
// It is plain JavaScript and SVG: the page must open in whatever browser is at hand at three in the morning, from the
// binary alone, and be readable to the person who fixes it. There is no build step, no library, and nothing is fetched
// from anywhere but the host.
//
// Guarantees: everything it shows comes from the operator interface (server-sent events of /api/v1/stream). Values are
// set as text, never as markup, and the Content-Security-Policy allows no inline script or style. It shows nothing of
// the pair before a login with the token of an operator, which it sends once and does not store. When live updates
// stop it shows their age, and a link to the console of the other host, which has a login of its own.
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

// Pages returns the files to serve, by path: the page at / and its parts. They are public: they contain nothing about
// the pair.
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

// asset is one embedded file.
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
	_, _ = w.Write(a.body) // a client that does not read gets no answer
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
