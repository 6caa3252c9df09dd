package archives

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// aFiles takes what the fake host gives for a backup.
type aFiles struct{ offline.Files }

func (aFiles) Check(_ context.Context, path string, proof offline.Proof, progress func(float64)) (offline.Summary, error) {
	content, err := os.ReadFile(path)
	progress(1)
	if err == nil && len(content) != 18_000 {
		err = fmt.Errorf("%w: %d bytes", offline.ErrBackup, len(content))
	}
	return offline.Summary{File: path, Position: "3/99", Bytes: int64(len(content)), From: "a", Proved: proof.Key != ""}, err
}

func TestBackupCommands(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOTPAIR_HTTP_TOKEN", operatortest.Token)
	good := "--http=http://" + serve(t, &operatortest.Host{}).Address()
	broken := "--http=http://" + serve(t, &operatortest.Host{Err: errors.New("the disk is gone")}).Address()
	refuses := "--http=http://" + serve(t, &operatortest.Host{Err: operator.ErrRefused}).Address()
	file := filepath.Join(dir, "one.backup")
	links := t.TempDir()
	link, dangling := filepath.Join(links, "latest"), filepath.Join(links, "nothing")
	if err := errors.Join(os.Symlink(file, link), os.Symlink("nowhere", dangling)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, err, want string }{
		{"backup " + file + " " + good, "", "17 KiB at position 3/99"},
		{"backup " + file + " --replace " + good, "", "not proved"},
		{"backup " + file + " " + good, "exists already", ""},
		{"backup " + file + " --replace --json " + good, "", `"position": "3/99"`},
		{"backup " + file + "2 " + broken, "the disk is gone", ""},
		{"backup " + file + "2 " + refuses, "refused", ""},
		{"backup " + file + "2 --http=http://" + operatortest.ClosedPort(t), "host does not answer", ""},
		{"backup", "wrong usage", ""},
		{"backup " + link + " --replace " + good, "", file},
		{"backup " + dir + " --replace " + good, "not a regular file", ""},
		{"backup " + dangling + " --replace " + good, "symbolic link to a file that does not exist", ""},
	} {
		root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(BackupCommand(aFiles{}))
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(io.Discard)
		root.SetArgs(strings.Fields(c.args))
		err := root.ExecuteContext(t.Context())
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(strings.ToLower(err.Error()), c.err)) {
			t.Errorf("%s: %v, want %q", c.args, err, c.err)
		}
		if said := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(said, c.want) { // lines end where the screen does
			t.Errorf("%s says %q, want %q", c.args, said, c.want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	if to, err := os.Readlink(link); err != nil || to != file {
		t.Errorf("the symbolic link is %q (%v)", to, err)
	}
}
