package local

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestLoad_HasTheServicesThatItAsks: beside those that the settings name.
func TestLoad_HasTheServicesThatItAsks(t *testing.T) {
	for _, c := range []struct{ load, business, want string }{
		{"", "", "kv,ledger"},
		{"mixed", "", "kv,ledger"},
		{"tickets", "", "kv,ledger,tickets"},
		{"tickets", "HOTPAIR_BUSINESS=tickets,shop=/opt/shop", "tickets,shop=/opt/shop"},
		{"mixed", "HOTPAIR_BUSINESS=shop=/opt/shop", "shop=/opt/shop,kv,ledger"},
	} {
		cluster, err := New(Options{Terminals: 1, Binary: "/opt/hotpair", Load: c.load, Environ: []string{c.business}})
		if err != nil {
			t.Fatal(err)
		}
		if got := cluster.settings.Work.Business.String(); got != c.want {
			t.Errorf("--load %s with %s: %s, not %s", c.load, c.business, got, c.want)
		}
		if c.load != "" && (cluster.load.name != c.load || cluster.load.rate == 0) {
			t.Errorf("%+v", cluster.load)
		}
	}
}

// TestLoad_IsNamedWithOrWithoutASign: --load, --load=tickets and --load tickets are taken; what is no workload is named with those there are.
func TestLoad_IsNamedWithOrWithoutASign(t *testing.T) {
	const chess = `--load "chess": give kv, ledger, mixed, tickets`
	for line, refused := range map[string]string{
		"--load": "--port 70000", "--load=tickets": "--port 70000", "--load tickets": "--port 70000", "": "--port 70000", // so far they are taken
		"--load chess": chess, "--load=chess": chess, "--load=kv tickets": "unknown command", "--load tickets kv": "unknown command", "tickets": "unknown command",
	} {
		command := Command()
		command.SilenceErrors, command.SilenceUsage = true, true
		command.SetOut(io.Discard)
		command.SetArgs(append(strings.Fields(line), "--port", "70000"))
		if err := command.Execute(); err == nil || !strings.Contains(err.Error(), refused) {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, c := range []struct {
		load string
		args []string
		want string
		rest int
	}{
		{"", nil, "", 0}, {DefaultLoad, nil, DefaultLoad, 0}, {DefaultLoad, []string{"tickets"}, "tickets", 0}, {"kv", []string{"tickets"}, "kv", 1}, {"", []string{"tickets"}, "", 1},
	} {
		o := Options{Load: c.load}
		if rest, err := o.named(c.args); err != nil || o.Load != c.want || len(rest) != c.rest {
			t.Errorf("%+v: %q, %q, %v", c, o.Load, rest, err)
		}
	}
	if _, err := loadOf("put"); !errors.Is(err, ErrOption) || slices.Contains(Loads(), "put") {
		t.Error(err)
	}
}
