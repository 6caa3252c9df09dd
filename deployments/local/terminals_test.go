package local

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestNew_TakesTerminalsThatRunElsewhere(t *testing.T) {
	given := func(text string) (*Cluster, error) {
		file := filepath.Join(t.TempDir(), "terminals")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return New(Options{Terminals: 7, TerminalsFile: file, Environ: []string{}})
	}
	c, err := given("t1=nats://127.0.0.1:4001\nshop=nats://127.0.0.1:4002\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.elsewhere) != 2 || c.options.Terminals != 2 || c.elsewhere[1].ID != "shop" || c.elsewhere[1].URL != "nats://127.0.0.1:4002" {
		t.Errorf("%+v of %d", c.elsewhere, c.options.Terminals)
	}
	for _, text := range []string{"", "t1\n", "t1=nats://127.0.0.1:4001\nt1=nats://127.0.0.1:4002\n"} {
		if _, err := given(text); !errors.Is(err, ErrOption) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := New(Options{TerminalsFile: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, ErrOption) {
		t.Errorf("no such file: %v", err)
	}
}
