package notices

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/web"
)

func TestMain(m *testing.M) { os.Exit(operatortest.Main(m)) }

func TestCommand_ShowsWhatWaitsForWhom(t *testing.T) {
	t.Setenv("HOTPAIR_HTTP_TOKEN", operatortest.Token)
	good, bad := &operatortest.Host{Now: operatortest.Paired()}, &operatortest.Host{Now: operatortest.Paired(), Err: errors.New("the outbox can't be read")}
	for line, c := range map[string]struct {
		host            *operatortest.Host
		says, not, fail string
	}{
		"notices":                  {good, "till-2 9 own notices 2 wait, and 3 of those to all, since 2026-03-01", "none of the pair's", ""},
		"notices --waiting":        {good, "12 notices to all terminals so far, 3 of them kept (768 bytes); notices wait for 1 terminal", "till-1", ""},
		"notices --waiting --json": {good, `"waiting": 2`, "till-1", ""},
		"notices --json":           {bad, "", "", "can't be read"},
		"notices t1":               {good, "", "", "t1"},
	} {
		s := web.NewServer(web.ServerConfig{Listen: "127.0.0.1:0", Host: c.host, Backups: c.host, Live: c.host, Operations: c.host.Registry(), Clock: operatortest.Clock, Gate: operatortest.Gate()})
		operatortest.Start(t, s)
		root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(Command())
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(io.Discard)
		root.SetArgs(append(strings.Fields(line), "--http", s.Address()))
		err := root.ExecuteContext(t.Context())
		got := strings.Join(strings.Fields(out.String()), " ")
		if c.fail != "" && (err == nil || !strings.Contains(err.Error(), c.fail)) {
			t.Errorf("%s: %v", line, err)
		}
		if c.fail == "" && (err != nil || !strings.Contains(got, c.says) || c.not != "" && strings.Contains(got, c.not)) {
			t.Errorf("%s: %v, %s", line, err, got)
		}
	}
}
