package archives

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/storage/position"
)

// ran runs a command below backup, and gives what it says in one line.
func ran(t *testing.T, line string) (string, error) {
	t.Helper()
	root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(ListCommand(), NowCommand())
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetArgs(strings.Fields(line))
	err := root.ExecuteContext(t.Context())
	return strings.Join(strings.Fields(out.String()), " "), err
}

// TestPairCommands: what a host says of the pair's backups is shown, whatever it is; who waits for one hears of it, or why there is none.
func TestPairCommands(t *testing.T) {
	t.Setenv("HOTPAIR_HTTP_TOKEN", operatortest.Token)
	at := time.Now().Add(time.Minute).UTC()
	made := backups.Made{Name: "hotpair-P-20260314T150926.535Z-a.backup.age", Place: "/backup", Host: "a", At: at, Position: position.Position{Epoch: 3, Sequence: 99}, Bytes: 4096, Took: 3 * time.Second, Sealed: "age1x", Tried: true}
	upkeep := backups.Upkeep{Every: time.Hour, Place: "/backup", Turn: "a", Record: backups.Record{Last: &made, Tried: &made}}
	failed := backups.Upkeep{Every: time.Hour, Old: true, Failed: &backups.Failure{At: at, Tries: 2, Why: "keep it in /backup: no space left on device"}}
	host := func(u *backups.Upkeep, kept ...backups.Kept) *operatortest.Host {
		now := operatortest.Paired()
		now.Backups = u
		h := &operatortest.Host{Now: now, Ordered: backups.Ordered{Host: now.Host, At: time.Now()}}
		h.Backed.Shelf = backups.Shelf{Host: "a", Place: "/backup", Kept: kept}
		if u != nil {
			h.Backed.Upkeep = *u
		}
		return h
	}
	good := host(&upkeep, backups.Kept{Name: made.Name, Host: "a", At: at, Bytes: 4096})
	good.Backed.Shelf.More = 7
	for name, c := range map[string]struct {
		host            *operatortest.Host
		line, says, err string
	}{
		"list":           {good, "list", made.Name, ""},
		"list, trial":    {good, "list", "on trial", ""},
		"list, more":     {good, "list", "and 7 older ones", ""},
		"list, JSON":     {good, "list --json", `"shelf": {`, ""},
		"list, none":     {host(&failed), "list", "TOO OLD: none yet", ""},
		"list, refused":  {&operatortest.Host{Now: operatortest.Paired(), Err: fmt.Errorf("%w: no place for backups is set here", operator.ErrRefused)}, "list", "", "no place for backups"},
		"now":            {good, "now", "4096 bytes at position 3/99", ""},
		"now, JSON":      {good, "now --json", `"sealed": "age1x"`, ""},
		"now, begin":     {good, "now --begin", "makes a backup", ""},
		"now, failed":    {host(&failed), "now", "", "no space left on device"},
		"now, argument":  {good, "now please", "", "wrong usage"},
		"list, argument": {good, "list all", "", "wrong usage"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := ran(t, c.line+" --http=http://"+serve(t, c.host).Address())
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("it ends with %v, want %q", err, c.err)
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("it says %q, want %q", said, c.says)
			}
		})
	}
}
