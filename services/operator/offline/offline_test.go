package offline

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
)

// aFiles is what a test says of files.
type aFiles struct{ copied bool }

func (aFiles) Check(_ context.Context, path string, proof Proof, progress func(float64)) (Summary, error) {
	content, err := os.ReadFile(path)
	progress(1)
	if err == nil && len(content) != 5 {
		err = fmt.Errorf("%w: %d bytes", ErrBackup, len(content))
	}
	return Summary{File: path, Position: "3/99", Bytes: int64(len(content)), From: "a", Key: "1a2b", Proved: !proof.Unproved}, err
}

func (aFiles) Restore(_ context.Context, q RestoreRequest, progress func(string, float64)) (Restored, error) {
	progress("restore", 0.5)
	if q.Dir == "/occupied" && !q.MoveAway {
		return Restored{}, ErrOccupied
	}
	return Restored{Summary: Summary{File: q.File, Position: "3/99"}, Dir: q.Dir, Host: q.Host, Identity: "new"}, nil
}

func (f aFiles) Unfinished(p Place) (Unfinished, error) {
	if p.Dir == "/finished" {
		return Unfinished{}, fmt.Errorf("%w: nothing in /finished waits for it", operator.ErrRefused)
	}
	return Unfinished{PairID: "P", Position: "3/99", Time: time.Unix(1_700_000_000, 0), AsCopy: f.copied}, nil
}

func (aFiles) Finish(_ context.Context, p Place, asCopy bool) (Finished, error) {
	if asCopy {
		return Finished{Dir: p.Dir, Host: p.Host, PairID: "Q", Was: "P", Position: "4/101", Terminals: 2}, nil
	}
	return Finished{Dir: p.Dir, Host: p.Host, PairID: "P", Position: "3/99"}, nil
}

// run runs one command line, and gives what it says.
func run(t *testing.T, line, typed string, commands ...*cobra.Command) (said string, err error) {
	t.Helper()
	root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(commands...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(typed))
	root.SetArgs(strings.Fields(line))
	err = root.ExecuteContext(t.Context())
	return strings.Join(strings.Fields(out.String()), " "), err
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	file, short := filepath.Join(dir, "one.backup"), filepath.Join(dir, "short")
	for path, content := range map[string]string{file: "12345", short: "1"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	place := " --data /new --name b"
	t.Setenv("HOTPAIR_PAIR_SECRET", "7c1d9e04b6f2a853")
	for _, c := range []struct {
		args, typed, err, want string
		copied                 bool
	}{
		{args: "check " + file, want: "whole: "},
		{args: "check " + file, want: "proved by key 1a2b"},
		{args: "check --unproved " + file, want: "not proved it names key 1a2b"},
		{args: "check --dir " + dir + " " + file, err: "cluster.json"},
		{args: "check " + short, err: "no whole backup"},
		{args: "check", err: "wrong usage"},
		{args: "restore " + file, err: "restore needs --data and --name"},
		{args: "restore " + file + place, want: "as host b with the new identity new"},
		{args: "restore " + file + place, want: "does nothing outward"},
		{args: "restore " + file + " --data /occupied --name b", err: "--aside"},
		{args: "restore " + file + " --data /occupied --name b --aside --json", want: `"identity": "new"`},
		{args: "restore", err: "wrong usage"},
		{args: "restore finish" + place, err: "either --replaces or --as-copy"},
		{args: "restore finish --replaces --as-copy" + place, err: "either --replaces or --as-copy"},
		{args: "restore finish --replaces" + place, err: "not confirmed", want: "Every update of pair P after 3/99"},
		{args: "restore finish --replaces" + place, typed: "3/98\n", err: "not confirmed"},
		{args: "restore finish --replaces" + place, typed: "3/99\n", want: "/new is host b of pair P"},
		{args: "restore finish --replaces --accept-loss-after 3/98" + place, err: "nothing was done"},
		{args: "restore finish --replaces --accept-loss-after 3/99" + place, want: "/new is host b of pair P"},
		{args: "restore finish --replaces --accept-loss-after 3/99" + place, copied: true, err: "is being made a copy"},
		{args: "restore finish --as-copy --json" + place, want: `"pair_id": "Q"`},
		{args: "restore finish --as-copy" + place, copied: true, want: "2 terminals removed from its table"},
		{args: "restore finish --as-copy" + place, want: "the backup does not say which certificates"},
		{args: "restore finish --as-copy --data /finished --name b", err: "nothing in /finished waits for it"},
	} {
		files := aFiles{copied: c.copied}
		said, err := run(t, c.args, c.typed, CheckCommand(files), RestoreCommand(files))
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.err))) {
			t.Errorf("%s: %v, want %q", c.args, err, c.err)
		}
		if !strings.Contains(said, c.want) {
			t.Errorf("%s says %q, want %q", c.args, said, c.want)
		}
	}
}
