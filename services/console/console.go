// Package console is the page at / of a host: the pair as it is, live, and what an operator may do about it.
//
// Why plain JavaScript and SVG: the page must open on whatever browser is at hand at three in the morning, from the
// binary alone, and be read by whoever mends it. There is no build step, no library, and nothing is fetched from
// anywhere but the two hosts.
//
// What it guarantees: everything it shows comes from the operator interface (server-sent events of
// /api/v1/stream); values are set as text, never as markup, and the Content-Security-Policy allows no inline script or
// style; it changes nothing without the token, which it asks for once and keeps for the browser's tab; when live
// updates stop it says how old what it shows is, and goes on with the other host if that answers.
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

// Pages gives what is served, by path: the page at / and what belongs to it. peer is host:port of the other host's operator
// interface, empty while it is not known: the page may connect there and nowhere else.
func Pages(peer func() string) map[string]http.Handler {
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
		pages[at] = asset{body: body, kind: kindOf(name), peer: peer}
		return nil
	})
	return pages
}

// asset is one file.
type asset struct {
	body []byte
	kind string
	peer func() string
}

// ServeHTTP implements http.Handler.
func (a asset) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	connect := "'self'"
	if address := a.peer(); plain(address) {
		connect += " http://" + address
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "+connect+
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(a.body) // who does not read the answer does not get it
}

// plain reports whether an address can stand in a policy without becoming more than an address.
func plain(address string) bool {
	return address != "" && !strings.ContainsFunc(address, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".:-[]", r))
	})
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
