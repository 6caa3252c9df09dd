package outgoing

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/web"
)

func TestMain(m *testing.M) { os.Exit(operatortest.Main(m)) }

// address serves a host as tests make them.
func address(t *testing.T, h *operatortest.Host) string {
	t.Helper()
	s := web.NewServer(web.ServerConfig{Listen: "127.0.0.1:0", Host: h, Backups: h, Live: h, Operations: h.Registry(), Clock: operatortest.Clock, Gate: operatortest.Gate()})
	operatortest.Start(t, s)
	return "--http=http://" + s.Address()
}

// run executes a command as main does.
func run(ctx context.Context, args ...string) (out string, err error) {
	root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(EmissionsCommand(), TargetsCommand())
	var o, e bytes.Buffer
	root.SetOut(&o)
	root.SetErr(&e)
	root.SetArgs(args)
	err = root.ExecuteContext(ctx)
	return strings.Join(strings.Fields(o.String()), " "), err
}

func TestCommands_SayWhatTheyDid(t *testing.T) {
	t.Setenv("HOTPAIR_HTTP_TOKEN", operatortest.Token)
	dir := t.TempDir()
	secret, short, long := filepath.Join(dir, "secret"), filepath.Join(dir, "short"), filepath.Join(dir, "long")
	empty, line, binary := filepath.Join(dir, "empty"), filepath.Join(dir, "line"), filepath.Join(dir, "binary")
	for path, text := range map[string]string{secret: "a secret of the target\n", short: "hush\n", long: strings.Repeat("x", 5000), empty: "", line: "\n", binary: "hush hush hush hush \xff\x00\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good, deferred := address(t, &operatortest.Host{}), address(t, &operatortest.Host{Deferred: true})
	refuses := address(t, &operatortest.Host{Err: operator.ErrRefused})
	for _, c := range []struct {
		args, at string
		says     string
		err      error
	}{
		{"targets", good, "2 targets billing https://billing.example.com/hotpair 1 waiting, 1 parked, signed stock https://10.0.7.3:8443/in 0 waiting, 0 parked, NOT signed, " +
			"own certificates, skips parked emissions, parks emissions older than 72h0m0s, is being removed", nil},
		{"targets list --json", good, `"name": "billing"`, nil},
		{"targets", refuses, "", operator.ErrRefused},
		{"targets add billing=https://x --secret-file " + secret + " --skip --age 1h", good, "target billing is added: 0 waiting, 0 parked, signed, skips parked emissions, parks emissions older than 1h0m0s", nil},
		{"targets add billing=https://x", refuses, "", operator.ErrRefused},
		{"targets add billing", good, "", operator.ErrUsage},
		{"targets add billing=http://x.example.com", good, "", operator.ErrUsage},
		{"targets add billing=https://x --secret-file " + short, good, "", operator.ErrUsage},
		{"targets add billing=https://x --secret-file " + long, good, "", operator.ErrUsage},
		{"targets add billing=https://x --secret-file " + dir, good, "", operator.ErrUsage},
		{"targets add billing=https://x --secret-file " + empty, good, "", operator.ErrUsage},
		{"targets add billing=https://x --secret-file " + line, good, "", operator.ErrUsage},
		{"targets add billing=https://x --secret-file " + binary, good, "", operator.ErrUsage},
		{"targets add billing=https://x --secret-file= --skip", good, "", operator.ErrUsage},
		{"targets set billing --secret-file " + line, good, "", operator.ErrUsage},
		{"targets set billing --skip --ca-file=", good, "", operator.ErrUsage},
		{"targets add billing=https://x --ca-file " + secret, good, "", operator.ErrUsage},
		{"targets add billing=https://x --age 1ms", good, "", operator.ErrUsage},
		{"targets set billing --skip=false --age 0", good, "target billing is changed: 0 waiting, 0 parked, NOT signed", nil},
		{"targets set billing", good, "", operator.ErrUsage},
		{"targets remove billing --drop", good, "target billing is removed, 2 emissions dropped", nil},
		{"targets remove billing", refuses, "", operator.ErrRefused},
		{"targets remove a/b", good, "", operator.ErrUsage},
		{"emissions", good, "2 emissions, 1 of them parked billing/seat-12A/7/41/0 of tickets, emitted 2026-03-01 02:03:04 UTC blocks its lane: it answered 409 Conflict: sold twice", nil},
		{"emissions list --waiting", deferred, "2 emissions, 1 of them parked; all are deferred until hotpair emissions release --held billing/seat-12A/7/42/0", nil},
		{"emissions --lane x", good, "", operator.ErrUsage},
		{"emissions --json", good, `"blocks": true`, nil},
		{"emissions release billing/seat-12A", good, "1 emission of lane seat-12A of target billing released", nil},
		{"emissions release billing/seat-12A/7/41/0", good, "1 emission of lane seat-12A of target billing released", nil},
		{"emissions release billing/seat-12A/7", good, "", operator.ErrUsage},
		{"emissions release billing", good, "", operator.ErrUsage},
		{"emissions release", good, "", operator.ErrUsage},
		{"emissions release billing/a --held", good, "", operator.ErrUsage},
		{"emissions release --held", deferred, "emissions are sent again", nil},
		{"emissions release --held", refuses, "", operator.ErrRefused},
		{"emissions drop billing/seat-12A/7/41/0 --json", good, `"count": 1`, nil},
		{"emissions drop billing/seat-12A", refuses, "", operator.ErrRefused},
	} {
		said, err := run(t.Context(), append(strings.Fields(c.args), c.at)...)
		if !errors.Is(err, c.err) || err != nil && c.err == nil {
			t.Errorf("%s: %v, want %v", c.args, err, c.err)
		}
		if !strings.Contains(said, c.says) {
			t.Errorf("%s says %q, want %q", c.args, said, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s shows a secret: %v", c.args, err)
		}
	}
}

// FuzzLane: whatever is typed names a lane, or is refused.
func FuzzLane(f *testing.F) {
	f.Add("billing/seat-12A/7/41/0")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := lane(text)
		if err != nil {
			return
		}
		again := q.Target + "/" + q.Lane
		if q.Number != "" {
			again += "/" + q.Number
		}
		if again != text {
			t.Errorf("%q is read as %+v", text, q)
		}
	})
}
