package running

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/web"
	"github.com/hotpair/hotpair/services/process/processtest"
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
func run(ctx context.Context, out interface {
	Write([]byte) (int, error)
	String() string
}, args ...string) (string, error) {
	service := &cobra.Command{Use: "service"}
	service.AddCommand(Commands()...)
	root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(service)
	root.SetOut(out)
	root.SetErr(out)
	root.SetArgs(append([]string{"service"}, args...))
	err := root.ExecuteContext(ctx)
	return strings.Join(strings.Fields(out.String()), " "), err
}

func TestCommands_SayWhatTheyDid(t *testing.T) {
	t.Setenv("HOTPAIR_HTTP_TOKEN", operatortest.Token)
	good := address(t, &operatortest.Host{})
	refuses := address(t, &operatortest.Host{Err: operator.ErrRefused})
	unfinished := address(t, &operatortest.Host{Err: operator.ErrUnfinished})
	for _, c := range []struct {
		args, at string
		says     string
		err      error
	}{
		{"list", good, "kv a ready since 2026-03-01 02:03:04, version 0.0.0 part of hotpair operations: get, put tickets a ready since 2026-03-01 02:03:04, version 1.5.0, 1 restart " +
			"/opt/acme/tickets-1.5 HOTPAIR_BUSINESS names /opt/acme/tickets-1.4 there operations: sell tickets b failed since 2026-03-01 02:03:04, 9 restarts " +
			"/opt/acme/tickets-1.4 its last run exited with code 2: no ?[2Jfares", nil},
		{"list --json", good, `"set": "/opt/acme/tickets-1.4"`, nil},
		{"list more", good, "", operator.ErrUsage},
		{"list", refuses, "", operator.ErrRefused},
		{"restart tickets", good, "service tickets was restarted", nil},
		{"restart tickets --path /opt/acme/tickets-1.5 --on a --reason fares", good, "tickets a ready", nil},
		{"restart tickets --json", good, `"version": "1.5.0"`, nil},
		{"restart", good, "", operator.ErrUsage},
		{"restart Tickets!", good, "", operator.ErrUsage},
		{"restart tickets --path tickets-1.5", good, "", operator.ErrUsage},
		{"restart tickets --path /opt/../tickets", good, "", operator.ErrUsage},
		{"restart tickets --path /" + strings.Repeat("x", 5000), good, "", operator.ErrUsage},
		{"restart tickets", refuses, "", operator.ErrRefused},
		{"restart tickets", unfinished, "", operator.ErrUnfinished},
		{"log tickets", good, "02:03:04.000 a - host ?[2Jline 02:03:04.000 a out ?[2Jline 02:03:04.000 a ! error ?[2Jline", nil},
		{"log tickets --json", good, `"kind": "error"`, nil},
		{"log", good, "", operator.ErrUsage},
		{"log tickets --lines 0", good, "", operator.ErrUsage},
		{"log tickets --lines 1000000", good, "", operator.ErrUsage},
		{"log Tickets!", good, "", operator.ErrUsage},
		{"log tickets", refuses, "", operator.ErrRefused},
	} {
		out, err := run(t.Context(), &bytes.Buffer{}, append(strings.Fields(c.args), c.at)...)
		if !errors.Is(err, c.err) || !strings.Contains(out, c.says) || (err != nil) != (c.err != nil) {
			t.Errorf("%s: %v\n%s", c.args, err, out)
		}
	}
}

// Who follows sees each further line once, until it is ended.
func TestLog_Follows(t *testing.T) {
	t.Setenv("HOTPAIR_HTTP_TOKEN", operatortest.Token)
	at := address(t, &operatortest.Host{})
	ctx, cancel := context.WithCancel(t.Context())
	out := &processtest.Output{}
	ended := make(chan error, 1)
	go func() {
		_, err := run(ctx, out, "log", "tickets", "--follow", at)
		ended <- err
	}()
	processtest.Await(t, "lines that come", func() bool { return strings.Count(out.String(), "host ?[2Jline") >= 3 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "error ?[2Jline"); n != 1 {
		t.Errorf("a line of the beginning comes %d times", n)
	}
}
