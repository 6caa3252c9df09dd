package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path"
	"regexp"
	"strings"
)

// kiosk serves the files of a folder. It lists nothing; names that begin with a dot, links that lead out of the folder
// and everything that is not a regular file count as absent.
type kiosk struct {
	root    *os.Root
	log     *slog.Logger
	answers *unread // pages that nobody reads are bounded with all else that nobody does
}

// index is the page of a folder.
const index = "index.html"

// maxPage bounds a page in HTML, in bytes: it is read whole, to see which scripts stand in it.
const maxPage = 4 << 20

// types are those of what a page is made of. The system's own table is not asked: it differs from machine to machine, and may be changed.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".json": "application/json", ".map": "application/json",
	".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8", ".xml": "application/xml", ".wasm": "application/wasm", ".pdf": "application/pdf",
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif", ".ico": "image/x-icon",
	".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
	".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".mp4": "video/mp4", ".webm": "video/webm",
}

// policy allows what is served here, and of scripts that stand in a page those that stand in its file: what somebody makes a page write into
// itself does not run.
func policy(scripts []string) string {
	return "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" + strings.Join(scripts, "") +
		"; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:" +
		"; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'self'; frame-ancestors 'none'"
}

// script finds the scripts of a page with their contents.
var script = regexp.MustCompile(`(?is)<script(?:\s[^>]*)?>(.*?)</script\s*>`)

// scriptsOf are the scripts that stand in a page, as a policy names them.
func scriptsOf(page []byte) (list []string) {
	const most = 64
	for _, found := range script.FindAllSubmatch(page, most) {
		if len(bytes.TrimSpace(found[1])) > 0 {
			// A browser reads every line ending as a line feed before it computes the hash.
			text := bytes.ReplaceAll(bytes.ReplaceAll(found[1], []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
			sum := sha256.Sum256(text)
			list = append(list, " 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		}
	}
	return list
}

// ServeHTTP implements http.Handler.
func (k *kiosk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := nameOf(r.URL.Path)
	if !ok {
		absent(w, r)
		return
	}
	info, err := k.root.Stat(name)
	if err == nil && info.IsDir() {
		if !strings.HasSuffix(r.URL.Path, "/") {
			if _, err := k.root.Stat(path.Join(name, index)); err != nil {
				absent(w, r)
				return
			}
			http.Redirect(w, r, path.Clean(r.URL.Path)+"/", http.StatusMovedPermanently) // what the page refers to is beside it
			return
		}
		name = path.Join(name, index)
		info, err = k.root.Stat(name)
	} else if strings.HasSuffix(r.URL.Path, "/") {
		err = fs.ErrNotExist
	}
	if err != nil || !info.Mode().IsRegular() { // checked first: opening a pipe would wait for its writer
		k.missing(w, r, err)
		return
	}
	file, err := k.root.Open(name)
	if err != nil {
		k.missing(w, r, err)
		return
	}
	defer file.Close()
	kind, known := types[strings.ToLower(path.Ext(name))]
	if !known {
		kind = "application/octet-stream"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache") // it is asked for again, and answered with 304 while it is the same
	var content io.ReadSeeker = file
	var scripts []string
	if strings.HasPrefix(kind, "text/html") {
		defer k.answers.begin(http.NewResponseController(w), int(min(info.Size(), maxPage)))()
		page, err := io.ReadAll(io.LimitReader(file, maxPage+1))
		if err != nil || len(page) > maxPage {
			k.log.Warn("a page of the kiosk can't be served", "page", name, "most_bytes", maxPage, "error", err)
			absent(w, r)
			return
		}
		scripts, content = scriptsOf(page), bytes.NewReader(page)
	}
	h.Set("Content-Security-Policy", policy(scripts))
	http.ServeContent(w, r, "", info.ModTime(), content)
}

// nameOf returns the name in the folder for a path, if the path is allowed.
func nameOf(at string) (name string, ok bool) {
	if strings.ContainsAny(at, "\\\x00:") { // of Windows: another way to write a path, and parts of a file
		return "", false
	}
	name = strings.TrimSuffix(strings.TrimPrefix(at, "/"), "/")
	if name == "" {
		return ".", at == "/"
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return "", false
		}
	}
	return name, fs.ValidPath(name)
}

// missing answers what is not there, or may not be looked at.
func (k *kiosk) missing(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log.Warn("a file of the kiosk can't be served", "path", r.URL.Path, "error", err)
	}
	absent(w, r)
}

func absent(w http.ResponseWriter, r *http.Request) {
	shown := r.URL.Path
	if len(shown) > 100 {
		shown = shown[:100]
	}
	refusal(http.StatusNotFound, "file", "No such file", strings.ToValidUTF8(shown, "?")+" is not served here",
		"Files are served from HOTPAIR_TERMINAL_FILES; send requests to POST /v1/<service>/<operation>.").tell(w)
}
