package console

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w
}

// TestPages_AreWhole holds that everything a page refers to is served, from here, as what it is.
func TestPages_AreWhole(t *testing.T) {
	pages := Pages()
	reference := regexp.MustCompile(`(?:src|href)="(/console/[^"]+)"|from '\./([^']+)'`)
	elsewhere := regexp.MustCompile(`(?:src|href)="(?:https?:)?//|url\(|@import`)
	for path, page := range pages {
		w := get(t, page)
		body := w.Body.String()
		if kind := w.Header().Get("Content-Type"); kind == "application/octet-stream" || body == "" {
			t.Errorf("%s is served as %s, %d bytes", path, kind, len(body))
		}
		for _, found := range reference.FindAllStringSubmatch(body, -1) {
			target := found[1]
			if target == "" {
				target = "/console/" + found[2]
			}
			if pages[target] == nil {
				t.Errorf("%s refers to %s, which is not served", path, target)
			}
		}
		if found := elsewhere.FindString(body); found != "" {
			t.Errorf("%s refers to elsewhere: %s", path, found)
		}
	}
	if pages["/"] == nil || len(pages) < 8 {
		t.Errorf("%d pages", len(pages))
	}
}

// TestPages_AllowNothingInline holds both ends: the policy, and that nothing needs more than it allows. Values are set
// as text: none of the ways to make markup of a string is used.
func TestPages_AllowNothingInline(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\(['"]|\son[a-z]+="|<script>|<style| style="|javascript:|srcdoc`)
	for path, page := range Pages() {
		w := get(t, page)
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "connect-src 'self';") {
			t.Errorf("%s: policy %s", path, policy)
		}
		if found := forbidden.FindString(w.Body.String()); found != "" {
			t.Errorf("%s holds %s", path, found)
		}
	}
}
