package web

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// kioskIn makes a folder with files.
func kioskIn(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The files of the folder are served as what they are, and nothing else of the machine.
func TestFiles_ServesTheFolderAndNothingElse(t *testing.T) {
	dir := kioskIn(t, map[string]string{
		"index.html": "<p>till</p>", "app.js": "1", "style.css": "p{}", "logo.svg": "<svg/>", "data.bin": "x", "UPPER.PNG": "png", "with space.txt": "s",
		"sub/index.html": "<p>sub</p>", "empty/data.json": "{}", ".env": "SECRET", ".git/config": "SECRET", "sub/.hidden.html": "SECRET", "v1/status": "SECRET",
	})
	outside := filepath.Join(t.TempDir(), "outside.txt")
	if err := os.WriteFile(outside, []byte("SECRET"), 0o644); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		for name, target := range map[string]string{"out.txt": outside, "up": "..", "root": "/", "in.js": "app.js", "loop": "loop"} {
			if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, address := serve(t, Config{Files: dir})
	for path, c := range map[string]struct{ kind, body string }{
		"/":                 {"text/html; charset=utf-8", "<p>till</p>"},
		"/index.html":       {"text/html; charset=utf-8", "<p>till</p>"},
		"/app.js":           {"text/javascript; charset=utf-8", "1"},
		"/app.js?v=2":       {"text/javascript; charset=utf-8", "1"},
		"/in.js":            {"text/javascript; charset=utf-8", "1"},
		"/style.css":        {"text/css; charset=utf-8", "p{}"},
		"/logo.svg":         {"image/svg+xml", "<svg/>"},
		"/data.bin":         {"application/octet-stream", "x"},
		"/UPPER.PNG":        {"image/png", "png"},
		"/with%20space.txt": {"text/plain; charset=utf-8", "s"},
		"/sub/":             {"text/html; charset=utf-8", "<p>sub</p>"},
	} {
		r, body := call(t, address, "GET", path, "")
		if r.StatusCode != 200 || body != c.body || r.Header.Get("Content-Type") != c.kind || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'self'") || r.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %d %q %v", path, r.StatusCode, body, r.Header)
		}
	}
	if r, _ := call(t, address, "GET", "/sub", ""); r.StatusCode != http.StatusMovedPermanently || r.Header.Get("Location") != "/sub/" {
		t.Errorf("/sub: %d %v", r.StatusCode, r.Header)
	}
	for _, path := range []string{"/empty", "/empty/", "/app.js/", "/none.html", "/.env", "/.git/config", "/.git", "/sub/.hidden.html", "/%2eenv", "/out.txt", "/up/outside.txt",
		"/root/etc/passwd", "/loop", "/../outside.txt", "/sub/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/sub/..%5c..%5coutside.txt", "/sub//index.html",
		"//index.html", "/app.js%00.html", "/app.js::$DATA", "/C:/Windows/win.ini", "/" + strings.Repeat("x/", 2000), "/" + strings.Repeat("x", 5000), "/index.html/.."} {
		r, body := call(t, address, "GET", path, "")
		if strings.Contains(body, "SECRET") || strings.Contains(body, "root:") {
			t.Fatalf("%.60s gives %s", path, body)
		}
		wantProblem(t, r, body, http.StatusNotFound, "file")
	}
	// Never a file, whatever stands in the folder.
	if r, body := call(t, address, "GET", "/v1/status", ""); r.StatusCode != 200 || !strings.Contains(body, `"terminal"`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	// What has not changed is not sent again.
	r, _ := call(t, address, "GET", "/app.js", "")
	if again, _ := call(t, address, "GET", "/app.js", "", "If-Modified-Since", r.Header.Get("Last-Modified")); again.StatusCode != http.StatusNotModified {
		t.Errorf("%d", again.StatusCode)
	}
	if r, body := call(t, address, "GET", "/app.js", "", "Range", "bytes=0-0"); r.StatusCode != http.StatusPartialContent || body != "1" {
		t.Errorf("%d %q", r.StatusCode, body)
	}
}

// Scripts that stand in the file of a page run, and none that somebody makes the page write into itself.
func TestFiles_AllowsTheScriptsOfThePage(t *testing.T) {
	page := "<script>run()\r\nmore()</script><SCRIPT type=module>\nlet a = '<b>'\n</SCRIPT ><script src=\"/app.js\"></script><script></script>"
	dir := kioskIn(t, map[string]string{"index.html": page})
	_, address := serve(t, Config{Files: dir})
	r, body := call(t, address, "GET", "/", "")
	policy := r.Header.Get("Content-Security-Policy")
	// Made with: printf 'run()\nmore()' | openssl dgst -sha256 -binary | base64
	for _, sum := range []string{"'sha256-" + runSum + "'", "'sha256-" + letSum + "'"} {
		if !strings.Contains(policy, sum) {
			t.Errorf("%s lacks %s", policy, sum)
		}
	}
	scripts := regexp.MustCompile(`script-src ([^;]*);`).FindString(policy)
	if strings.Count(policy, "sha256-") != 2 || strings.Contains(scripts, "unsafe-inline") || body != page {
		t.Errorf("%s", policy)
	}
}

// A folder that is none ends it in words, instead of a kiosk that shows nothing.
func TestFiles_WantsAFolder(t *testing.T) {
	dir := kioskIn(t, map[string]string{"index.html": ""})
	for _, files := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "index.html")} {
		s := New(Config{Listen: processtest.Address(t), Agent: &agent{}, Files: files})
		if err := s.Run(t.Context()); !errors.Is(err, ErrFiles) {
			t.Errorf("%s: %v", files, err)
		}
	}
}

// The agent's own page is whole, refers to nothing elsewhere, and runs no script but its own.
func TestFiles_OwnPage(t *testing.T) {
	_, address := serve(t, Config{})
	_, page := call(t, address, "GET", "/", "")
	found := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(found) < 2 {
		t.Fatalf("it refers to %v", found)
	}
	for _, reference := range found {
		r, body := call(t, address, "GET", reference[1], "")
		if r.StatusCode != 200 || body == "" || r.Header.Get("Content-Type") == "" || regexp.MustCompile(`https?://|@import|url\(`).MatchString(body) {
			t.Errorf("%s: %d %v", reference[1], r.StatusCode, r.Header)
		}
	}
	if r, _ := call(t, address, "HEAD", "/", ""); r.StatusCode != 200 || strings.Contains(r.Header.Get("Content-Security-Policy"), "unsafe") {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	for _, path := range []string{"/page", "/page/index.html", "/../page.go", "/page.go", "/favicon.ico"} {
		r, body := call(t, address, "GET", path, "")
		wantProblem(t, r, body, http.StatusNotFound, "file")
	}
}

// FuzzNameOf: whatever a path is, it names a file of the folder that may be asked for, or nothing.
func FuzzNameOf(f *testing.F) {
	for _, path := range []string{"/", "/a/b.js", "/../x", "/.env", "//a", "/a//", "/a\\..\\b", "/c:x", "/\x00"} {
		f.Add(path)
	}
	files := fstest.MapFS{"a": {Data: []byte("x"), ModTime: time.Now()}}
	f.Fuzz(func(t *testing.T, path string) {
		name, ok := nameOf(path)
		if !ok {
			return
		}
		if strings.HasPrefix(name, "/") || strings.Contains(name, "\\") || strings.Contains("/"+name, "/..") || name != "." && strings.Contains("/"+name, "/.") {
			t.Errorf("%q is %q", path, name)
		}
		if _, err := files.Open(name); err != nil && strings.Contains(err.Error(), "invalid") {
			t.Errorf("%q is %q: %v", path, name, err)
		}
	})
}

// FuzzScriptsOf: whatever a page is, its policy is one header.
func FuzzScriptsOf(f *testing.F) {
	f.Add([]byte("<script>a</script><script x=y>b\r</script >"))
	f.Add([]byte("<script><script></script>"))
	f.Fuzz(func(t *testing.T, page []byte) {
		if policy := policy(scriptsOf(page)); strings.ContainsAny(policy, "\r\n") || strings.Count(policy, "script-src") != 1 {
			t.Errorf("%q", policy)
		}
	})
}

// What openssl says of the two scripts in the page.
const (
	runSum = "mvdDulcF8Ynf7VOKxUXMClsZu3kDLbNpVZOatgiq9cg="
	letSum = "5x/b4j6kunvJFx4/bBwEgiHiBvOWxiHterlafntRIRE="
)
