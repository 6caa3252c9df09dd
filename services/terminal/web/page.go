package web

import (
	"embed"
	"net/http"
	"path"
)

//go:embed page
var pages embed.FS

// ownPage is the page without a kiosk: the state, the notices, and a form for requests.
func ownPage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "page" + r.URL.Path
		if r.URL.Path == "/" {
			name = "page/" + index
		}
		text, err := pages.ReadFile(name)
		if err != nil {
			absent(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", types[path.Ext(name)])
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		_, _ = w.Write(text) // who does not read it does not get it
	})
}
