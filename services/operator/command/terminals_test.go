package command

import (
	"github.com/hotpair/hotpair/services/operator/hosts"

	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/screen"
)

func TestTerminalsCommands(t *testing.T) {
	server := serve(t, &operatortest.Host{})
	at := "--http=http://" + server.Address()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cluster := `{"hosts": {"a": {"http": "http://127.0.0.1:1", "env": {"HOTPAIR_PAIR_SECRET": "a secret of sixteen"}}}}`
	if err := os.WriteFile(filepath.Join(dir, hosts.ClusterFile), []byte(cluster), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		err  string // part of the error, "" for none
		want string // part of the output
	}{
		{"terminals list " + at, "", "3 terminals, from the table in the database, revision 9"},
		{"terminals list " + at, "", "connection refused"},
		{"terminals list " + at, "", "nothing is known of b: link down"},
		{"terminals list --problems " + at, "", "1 terminal of 3"},
		{"terminals list --json " + at, "", `"total": 3`},
		{"terminals add t7=nats://10.0.0.7:4222 " + at, "", "HOTPAIR_TERMINALS is no longer used"},
		{"terminals add t7=10.0.0.7:4222 " + at, "write ID=nats://HOST:PORT", ""},
		{"terminals add t/7=nats://10.0.0.7:4222 " + at, "its id is not", ""},
		{"terminals add " + at, "name terminals", ""},
		{"terminals add --file " + pipe + " " + at, "not a regular file but a pipe", ""}, // nobody writes to it
		{"terminals remove t1 " + at, "", "1 terminal removed; the table has 2 now"},
		{"terminals remove " + at, "wrong usage", ""},
		{"terminals probe " + at, "1 of 1 terminal not ok", "remedy: give the agent the key of this id: hotpair terminals key t9"},
		{"terminals key t7 --dir " + dir, "", "HOTPAIR_TERMINAL_KEY=" + config.TerminalKey("a secret of sixteen", "t7")},
		{"terminals key t7", "HOTPAIR_PAIR_SECRET", ""},
		{"terminals key no/id --dir " + dir, "wrong usage", ""},
		{"terminals rename", "wrong usage", ""},
	} {
		out, _, err := run(t, strings.Fields(c.args)...)
		switch {
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", c.args, err, c.err)
		case !strings.Contains(out, c.want):
			t.Errorf("%s says %q, want %q", c.args, out, c.want)
		}
		for _, line := range strings.Split(out, "\n") {
			if len([]rune(line)) > screen.Width && !strings.Contains(c.args, "json") {
				t.Errorf("%s: a line of %d characters: %q", c.args, len([]rune(line)), line)
			}
		}
	}
}
