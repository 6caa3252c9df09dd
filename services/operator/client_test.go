package operator_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

func TestClient_NotAHost_IsUnreachable(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"web page":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"404 of others": http.NotFound,
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com", http.StatusFound)
		},
		"empty problem": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "{}")
		},
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		},
	} {
		s := httptest.NewServer(answer)
		_, err := operator.NewClient(s.URL).Status(t.Context())
		s.Close()
		if !errors.Is(err, operator.ErrUnreachable) {
			t.Errorf("%s: %v, want ErrUnreachable", name, err)
		}
	}
	if _, err := operator.NewClient("http://127.0.0.1:1").Status(t.Context()); !errors.Is(err, operator.ErrUnreachable) || !strings.HasSuffix(err.Error(), ": connection refused") {
		t.Errorf("nobody there: %v", err)
	}
}
