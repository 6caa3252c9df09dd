package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoad_ApplicationsOfATerminal: what would let others in, or can't be, is refused with what to write instead.
func TestLoad_ApplicationsOfATerminal(t *testing.T) {
	dir := t.TempDir()
	token, open := filepath.Join(dir, "token"), filepath.Join(dir, "open")
	for name, mode := range map[string]os.FileMode{token: 0o600, open: 0o644} {
		if err := os.WriteFile(name, []byte("3f9ab1c2d4e5f60718293a4b5c6d7e8f\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	environ := func(more ...string) []string {
		return append([]string{"HOTPAIR_DATA=/t", "HOTPAIR_TERMINAL_ID=t1", "HOTPAIR_TERMINAL_KEY=3f9ab1c2d4e5f60718293a4b5c6d7e80", "HOTPAIR_TERMINAL_LISTEN=127.0.0.1:4223"}, more...)
	}
	none, err := Load[Terminal](environ())
	if err != nil || none.HTTP() != "127.0.0.1:4280" || none.TerminalAppToken != "" {
		t.Errorf("%+v: %v", none, err)
	}
	all, err := Load[Terminal](environ("HOTPAIR_TERMINAL_HTTP=[::1]:8080", "HOTPAIR_TERMINAL_FILES="+dir, "HOTPAIR_TERMINAL_APP_TOKEN_FILE="+token,
		"HOTPAIR_TERMINAL_ORIGINS=https://till.example, http://localhost:3000,http://[::1]:3000"))
	if err != nil || all.HTTP() != "[::1]:8080" || len(all.TerminalOrigins) != 3 || len(all.TerminalAppToken.Reveal()) != 32 || len(all.Stale()) != 0 {
		t.Errorf("%+v: %v", all, err)
	}
	if err := os.WriteFile(token, []byte("another-token-of-this-terminal-4711"), 0o600); err != nil || len(all.Stale()) != 1 {
		t.Errorf("%v: a file that holds another token is %q", err, all.Stale())
	}
	if off, err := Load[Terminal](environ("HOTPAIR_TERMINAL_HTTP=none")); err != nil || off.HTTP() != "" {
		t.Errorf("%+v: %v", off, err)
	}
	for setting, said := range map[string]string{
		"TERMINAL_HTTP=0.0.0.0:4280":                     "can be reached from other machines",
		"TERMINAL_HTTP=:4280":                            "can be reached from other machines",
		"TERMINAL_HTTP=10.0.0.7:4280":                    "can be reached from other machines",
		"TERMINAL_HTTP=127.0.0.1":                        "is not host:port",
		"TERMINAL_HTTP=127.0.0.1:4222":                   "uses the same port as HOTPAIR_TERMINAL_APPS",
		"TERMINAL_HTTP=127.0.0.1:4223":                   "uses the same port as HOTPAIR_TERMINAL_LISTEN",
		"TERMINAL_FILES=" + token:                        "is not a readable folder",
		"TERMINAL_FILES=" + dir + "/none":                "is not a readable folder",
		"TERMINAL_ORIGINS=*":                             "is not an origin",
		"TERMINAL_ORIGINS=null":                          "is not an origin",
		"TERMINAL_ORIGINS=till.example":                  "is not an origin",
		"TERMINAL_ORIGINS=https://till.example/":         "is not an origin",
		"TERMINAL_ORIGINS=https://Till.example":          "is not an origin",
		"TERMINAL_ORIGINS=https://till.example:443":      "is not an origin",
		"TERMINAL_ORIGINS=https://u@till.example":        "is not an origin",
		"TERMINAL_ORIGINS=https://till.example/kiosk":    "is not an origin",
		"TERMINAL_ORIGINS=file://":                       "is not an origin",
		"TERMINAL_APP_TOKEN=short":                       "is too short",
		"TERMINAL_APP_TOKEN=a token with spaces in it 1": "contains characters other than",
		"TERMINAL_APP_TOKEN_FILE=" + open:                "is accessible to everybody",
	} {
		_, err := Load[Terminal](environ("HOTPAIR_" + setting))
		if err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v, want %q", setting, err, said)
		}
	}
}
