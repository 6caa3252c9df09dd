package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/verdict"
)

// pair serves two hosts and gives the directory with their cluster.json; a nil host is down.
func pair(t *testing.T, a, b fake) string {
	t.Helper()
	file := map[string]any{}
	for name, h := range map[string]fake{"a": a, "b": b} {
		address := operatortest.ClosedPort(t)
		if h != nil {
			address = serve(t, h).Address()
		}
		file[name] = map[string]any{"http": "http://" + address, "pgid": 1, "env": map[string]string{"HOTPAIR_HTTP_TOKEN": operatortest.Token}}
	}
	text, err := json.Marshal(map[string]any{"hosts": file, "binary": "/bin/hotpair"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, hosts.ClusterFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run executes a command as main does.
func run(t *testing.T, args ...string) (out, complaint string, err error) {
	t.Helper()
	t.Setenv(config.Prefix+"_HTTP_TOKEN", operatortest.Token)
	root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(Commands()...)
	var o, e bytes.Buffer
	root.SetOut(&o)
	root.SetErr(&e)
	root.SetArgs(args)
	err = root.ExecuteContext(context.Background())
	return o.String(), e.String(), err
}

// When nobody served, hotpair status ended with 0, and a script that watched it saw nothing.
func TestFault_E7_StatusEndsWithAnErrorWhenNobodyServes(t *testing.T) {
	for name, status := range operatortest.Samples() {
		out, _, err := run(t, "status", "--json", "--dir", pair(t, &operatortest.Host{Now: status}, nil))
		var got operator.Status
		if e := json.Unmarshal([]byte(out), &got); e != nil {
			t.Errorf("%s: %v", name, e)
		}
		if (err != nil) != (got.Level == "bad") || got.ServedBy == "" && got.Level != "bad" {
			t.Errorf("%s: %s, served by %q, ends with %v", name, got.Level, got.ServedBy, err)
		}
	}
}

func TestStatus_PrefersTheHostThatServes(t *testing.T) {
	for _, dir := range []string{
		pair(t, &operatortest.Host{Now: operatortest.Paired()}, &operatortest.Host{Now: operatortest.Standby()}),
		pair(t, &operatortest.Host{Now: operatortest.Standby()}, &operatortest.Host{Now: operatortest.Paired()}),
	} {
		out, complaint, err := run(t, "status", "--dir", dir)
		if err != nil || complaint != "" {
			t.Fatalf("%v %q", err, complaint)
		}
		operatortest.Golden(t, "active-paired", out)
	}
}

func TestStatus_OneHostDown_SaysSoAndShowsTheOther(t *testing.T) {
	out, complaint, err := run(t, "status", "--dir", pair(t, nil, &operatortest.Host{Now: operatortest.Standby()}))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(complaint, "a: host does not answer at http://127.0.0.1:") || !strings.HasSuffix(complaint, ": connection refused\n") {
		t.Errorf("complaint %q", complaint)
	}
	operatortest.Golden(t, "standby-in-sync", out)
}

// TestStatus_FrozenHost_KeepsNobodyWaiting: a stopped process still takes connections.
func TestStatus_FrozenHost_KeepsNobodyWaiting(t *testing.T) {
	frozen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	began := time.Now()
	looks := hosts.LookAt(t.Context(), []hosts.Target{
		{Name: "b", URL: "http://" + frozen.Addr().String()}, {Name: "a", URL: "http://" + serve(t, &operatortest.Host{Now: operatortest.Paired()}).Address()},
	})
	if took := time.Since(began); took >= hosts.Within {
		t.Errorf("took %s", took)
	}
	if looks[0].Name != "a" || looks[0].Err != nil || !errors.Is(looks[1].Err, operator.ErrNoAnswer) {
		t.Errorf("looks %+v", looks)
	}
}

func TestSwitchover_AnswerLost_SaysThatItIsNotKnown(t *testing.T) {
	h := &mute{Host: operatortest.Host{Now: operatortest.Paired()}}
	_, _, err := run(t, "switchover", "--http", serve(t, h).Address())
	if !errors.Is(err, operator.ErrUnreachable) || !strings.Contains(err.Error(), "it is not known whether it happened") {
		t.Errorf("error %v", err)
	}
}

// mute is a host whose main ends in the middle of a switchover.
type mute struct{ operatortest.Host }

func (*mute) Switchover(context.Context, operator.Caller, operator.None) (operator.Switchover, error) {
	panic(http.ErrAbortHandler)
}

func (h *mute) Registry() *registry.Registry {
	r := h.Host.Registry()
	registry.Answer(r, operator.CallSwitchover, h.Switchover)
	return r
}

func TestStatus_BothHostsDown_Fails(t *testing.T) {
	out, _, err := run(t, "status", "--dir", pair(t, nil, nil))
	if out != "" || !errors.Is(err, operator.ErrUnreachable) || errors.Is(err, operator.ErrUsage) {
		t.Errorf("%q, %v", out, err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "a: ") || !strings.HasPrefix(lines[1], "b: ") {
		t.Errorf("error %q", err)
	}
}

func TestStatus_HostFlag_ShowsThatHost(t *testing.T) {
	dir := pair(t, &operatortest.Host{Now: operatortest.Paired()}, &operatortest.Host{Now: operatortest.Standby()})
	out, _, err := run(t, "status", "--dir", dir, "--host", "b")
	if err != nil {
		t.Fatal(err)
	}
	operatortest.Golden(t, "standby-in-sync", out)
	if _, _, err := run(t, "status", "--dir", dir, "--host", "c"); !errors.Is(err, operator.ErrUsage) || !strings.Contains(err.Error(), "there are a, b") {
		t.Errorf("--host c: %v", err)
	}
}

func TestStatus_JSON_IsTheAPI(t *testing.T) {
	out, _, err := run(t, "status", "--json", "--http", serve(t, &operatortest.Host{Now: operatortest.Paired()}).Address())
	if err != nil {
		t.Fatal(err)
	}
	var got operator.Status
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(verdict.Whole(operatortest.Paired()), got); diff != "" {
		t.Error(diff)
	}
}

func TestHistory_Command(t *testing.T) {
	a := &operatortest.Host{Now: operatortest.Paired(), Page: operatortest.HistoryPage()}
	dir := pair(t, a, &operatortest.Host{Now: operatortest.Standby()})
	out, _, err := run(t, "history", "--dir", dir, "--from", "12405", "--limit", "4")
	if err != nil {
		t.Fatal(err)
	}
	if want := (bus.HistoryRequest{From: 12405, Limit: 4}); a.Asked != want {
		t.Errorf("asked %+v, want %+v", a.Asked, want)
	}
	operatortest.Golden(t, "history", out)
	out, _, err = run(t, "history", "--dir", dir, "--json")
	var got bus.HistoryPage
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || cmp.Diff(operatortest.HistoryPage(), got) != "" {
		t.Errorf("--json: %v\n%s", err, out)
	}
}

func TestHistory_UpdaterDown_AsksTheOtherHost(t *testing.T) {
	down := &operatortest.Host{Now: operatortest.Paired(), Err: fmt.Errorf("%w: the updater is restarting", operator.ErrUnavailable)}
	out, _, err := run(t, "history", "--dir", pair(t, down, &operatortest.Host{Now: operatortest.Standby(), Page: operatortest.HistoryPage()}))
	if err != nil {
		t.Fatal(err)
	}
	operatortest.Golden(t, "history", out)
	_, _, err = run(t, "history", "--dir", pair(t, down, nil))
	if !errors.Is(err, operator.ErrUnavailable) || err.Error() != "history: a: the updater is restarting" {
		t.Errorf("error %v", err)
	}
}

func TestSwitchover_Command(t *testing.T) {
	a, b := &operatortest.Host{Now: operatortest.Paired(), Done: operatortest.Switched()}, &operatortest.Host{Now: operatortest.Standby()}
	out, _, err := run(t, "switchover", "--dir", pair(t, a, b))
	if err != nil {
		t.Fatal(err)
	}
	operatortest.Golden(t, "switchover", out)
	if len(a.Callers) != 1 || len(b.Callers) != 0 {
		t.Errorf("the active was asked %d times, the standby %d times", len(a.Callers), len(b.Callers))
	}
	out, _, err = run(t, "switchover", "--json", "--dir", pair(t, a, b))
	var got operator.Switchover
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || cmp.Diff(operatortest.Switched(), got) != "" {
		t.Errorf("--json: %v\n%s", err, out)
	}
}

func TestSwitchover_Refused_SaysWhyAndAsksNobodyElse(t *testing.T) {
	a := &operatortest.Host{Now: operatortest.Samples()["active-solo"], Err: fmt.Errorf("%w: there is no in-sync standby", operator.ErrRefused)}
	b := &operatortest.Host{Now: operatortest.Samples()["standby-catching-up"], Done: operatortest.Switched()}
	dir := pair(t, a, b)
	out, _, err := run(t, "switchover", "--dir", dir)
	if out != "" || !errors.Is(err, operator.ErrRefused) || err.Error() != "switchover refused, nothing was done: there is no in-sync standby" {
		t.Errorf("%q, %v", out, err)
	}
	out, _, err = run(t, "switchover", "--json", "--dir", dir)
	var p operator.Problem
	if !errors.Is(err, operator.ErrRefused) || json.Unmarshal([]byte(out), &p) != nil || p.Detail != "there is no in-sync standby" {
		t.Errorf("--json: %q, %v", out, err)
	}
	if len(b.Callers) != 0 {
		t.Error("the other host was asked too")
	}
}

func TestSwitchover_Unfinished_ShowsTheStepsMade(t *testing.T) {
	part := operator.Switchover{From: "a", Steps: operatortest.Switched().Steps[:4]}
	a := &operatortest.Host{Now: operatortest.Paired(), Done: part, Err: fmt.Errorf("%w: b did not take over in time; a serves again, epoch 8", operator.ErrUnfinished)}
	out, _, err := run(t, "switchover", "--dir", pair(t, a, nil))
	if !errors.Is(err, operator.ErrUnfinished) {
		t.Fatal(err)
	}
	operatortest.Golden(t, "switchover-unfinished", out+err.Error()+"\n")
}

func TestCommands_WrongUsage(t *testing.T) {
	dir := pair(t, &operatortest.Host{Now: operatortest.Paired()}, nil)
	for _, args := range [][]string{
		{"status", "a"}, {"status", "--nonsense"}, {"status", "--http", "ftp://x"}, {"status", "--http", "127.0.0.1:1", "--dir", dir},
		{"status", "--http", "127.0.0.1:1", "--host", "a"}, {"status", "--dir", t.TempDir()}, {"history", "--limit", "0", "--dir", dir},
		{"history", "--limit", "1001", "--dir", dir}, {"history", "--from", "-1"}, {"history", "--limit", "many"}, {"switchover", "b"},
	} {
		out, _, err := run(t, args...)
		if out != "" || !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%v: %q, %v, want ErrUsage", args, out, err)
		}
	}
}

func TestCommands_HelpTeachesByExample(t *testing.T) {
	for _, name := range []string{"status", "history", "switchover"} {
		out, _, err := run(t, name, "--help")
		if err != nil || !strings.Contains(out, "Examples:\n  hotpair "+name) || !strings.Contains(out, "HOTPAIR_HTTP") {
			t.Errorf("%s --help: %v\n%s", name, err, out)
		}
		for _, line := range strings.Split(out, "\n") {
			if len(line) > 120 {
				t.Errorf("%s --help: line of %d characters: %s", name, len(line), line)
			}
		}
	}
}
