package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/processes/programs"
	"github.com/hotpair/hotpair/simulator/pair"
)

// asClerk makes this test binary a business process of the service "clerk", of the version that it names.
const asClerk = "TEST_AS_CLERK"

// clerkTakes is the work of a request at the clerk.
const clerkTakes = 20 * time.Millisecond

// serveClerk answers every request with the version. It ends at SIGTERM at once, as programs do that know nothing of leaving:
// what it had is lost to it.
func serveClerk(version string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	nc, err := nats.Connect(os.Getenv("HOTPAIR_REQUESTS_URL"), nats.UserInfo(os.Getenv("HOTPAIR_BUS_USER"), os.Getenv("HOTPAIR_BUS_PASSWORD")),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	fail(err)
	service, err := micro.AddService(nc, micro.Config{Name: "clerk", Version: version})
	fail(err)
	fail(service.AddEndpoint("do", micro.HandlerFunc(func(r micro.Request) {
		go func() {
			time.Sleep(clerkTakes) // the work of a request
			_ = r.Respond([]byte(`"` + version + `"`))
		}()
	}), micro.WithEndpointSubject("business.clerk.do")))
	fmt.Println("clerk", version, "is at the counter")
	select {} // main ends it
}

// clerks makes programs of the service in a folder.
func clerks(t *testing.T) (in func(name string) string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, script := range map[string]string{
		"clerk-1": fmt.Sprintf("%s=1.0.0 exec %s", asClerk, self),
		"clerk-2": fmt.Sprintf("%s=2.0.0 exec %s", asClerk, self),
		"ends":    "echo 'the list of fares is missing' >&2; exit 7",
		"other":   fmt.Sprintf("echo 'at the wrong counter' >&2; %s=1 exec %s", asPoison, self),
		"plain":   "exit 0",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "plain"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

// writers ask two services without a pause until they are ended. Of the one that is restarted no answer may be anything but an answer.
type writers struct {
	t       *testing.T
	over    chan struct{}
	all     sync.WaitGroup
	done    atomic.Int64
	longest atomic.Int64 // of one request, since it was last read
	others  atomic.Int64 // the longest of the service that nobody touches
}

func (c *cluster) write(t *testing.T, of int) *writers {
	w := &writers{t: t, over: make(chan struct{})}
	terminals := c.File().Terminals
	for n := range of {
		nc, err := nats.Connect(terminals[n%len(terminals)].Address)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(subject, body string, longest *atomic.Int64) bool {
			began := time.Now()
			m, err := nc.Request(subject, []byte(body), healWithin)
			if err != nil {
				t.Errorf("%s: %v", subject, err)
				return false
			}
			if code := m.Header.Get(bus.HeaderErrorCode); code != "" {
				t.Errorf("%s was answered %s: %s", subject, code, m.Data)
				return false
			}
			for took := time.Since(began).Nanoseconds(); ; {
				if was := longest.Load(); took <= was || longest.CompareAndSwap(was, took) {
					return true
				}
			}
		}
		w.all.Go(func() {
			defer nc.Close()
			for i := 0; ; i++ {
				select {
				case <-w.over:
					return
				default:
				}
				if !ask("request.clerk.do", `{}`, &w.longest) || !ask("request.kv.put", fmt.Sprintf(`{"key":"w%d","value":%d}`, n, i), &w.others) {
					return
				}
				w.done.Add(1)
			}
		})
	}
	t.Cleanup(w.finish)
	return w
}

func (w *writers) finish() {
	select {
	case <-w.over:
	default:
		close(w.over)
	}
	w.all.Wait()
}

// on awaits that they get further.
func (w *writers) on(c *cluster) {
	w.t.Helper()
	there := w.done.Load()
	c.Await(healWithin, "requests that are answered", func() bool { return w.done.Load() > there+50 })
}

func (c *cluster) services(t *testing.T) map[string]programs.Service {
	t.Helper()
	out, err := c.hotpair("service", "list", "--json", "--dir", c.Dir)
	var list programs.ServiceList
	if err == nil {
		err = json.Unmarshal([]byte(out), &list)
	}
	if err != nil {
		t.Fatalf("service list: %v\n%s", err, out)
	}
	of := map[string]programs.Service{}
	for _, s := range list.Services {
		of[s.Host+"/"+s.Service] = s
	}
	if len(of) != 4 {
		t.Fatalf("service list: %s", out)
	}
	return of
}

// TestServices_RestartedDuringTraffic: eight writers see no error and no takeover while a service is restarted on both hosts, by
// the same program, by a newer one, and by some that do not work, after each of which the one before serves on; another service
// does not notice. What runs outlives a restart of a host.
func TestServices_RestartedDuringTraffic(t *testing.T) {
	sideBySide(t)
	if testing.Short() {
		t.Skip("starts a pair")
	}
	program := clerks(t)
	c := startCluster(t, []string{"--terminals", "4"}, leaseSetting, "HOTPAIR_BUSINESS=kv,clerk="+program("clerk-1"))
	c.awaitPaired()
	active, before := c.mustActive()
	standby := pair.Other(active)
	w := c.write(t, 8)
	w.on(c)
	restart := func(args ...string) (string, error) {
		return c.hotpair(append([]string{"service", "restart", "clerk", "--dir", c.Dir}, args...)...)
	}
	runs := func(version, name string) {
		t.Helper()
		of := c.services(t)
		for _, host := range []string{active, standby} {
			s, set := of[host+"/clerk"], ""
			if name != "clerk-1" {
				set = program("clerk-1")
			}
			if s.State != programs.Ready || s.Version != version || s.Path != program(name) || s.Set != set || len(s.Operations) != 1 {
				t.Errorf("on %s: %+v", host, s)
			}
		}
	}
	works := func(version, name string, args ...string) {
		t.Helper()
		w.on(c)
		w.longest.Store(0)
		w.others.Store(0)
		began := time.Now()
		out, err := restart(args...)
		if err != nil {
			t.Fatalf("restart %v: %v\n%s", args, err, out)
		}
		took := time.Since(began)
		w.on(c)
		t.Logf("measured: restart %v of both hosts took %s; longest wait of a request %s, at the other service %s",
			args, took.Round(time.Millisecond), time.Duration(w.longest.Load()).Round(time.Millisecond), time.Duration(w.others.Load()).Round(time.Millisecond))
		runs(version, name)
	}
	runs("1.0.0", "clerk-1")
	works("1.0.0", "clerk-1")
	works("2.0.0", "clerk-2", "--path", program("clerk-2"))
	works("2.0.0", "clerk-2")

	for _, broken := range []struct{ path, says string }{
		{program("ends"), "exited with code 7: the list of fares is missing. " + program("clerk-2") + " was restored and serves"},
		{program("other"), "(is it the program of another service?); its last output: nats: permissions violation"},
		{program("missing"), "put the program on both hosts first"},
		{program("plain"), "chmod +x"},
	} {
		out, err := restart("--path", broken.path)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(strings.Join(strings.Fields(out), " "), broken.says) {
			t.Errorf("%s: %v\n%s", broken.path, err, out)
		}
		w.on(c)
		runs("2.0.0", "clerk-2")
	}
	if out, err := c.hotpair("service", "restart", "nobody", "--dir", c.Dir); err == nil || !strings.Contains(out, "has no service") {
		t.Errorf("a service that is not there: %v\n%s", err, out)
	}
	out, err := c.hotpair("service", "log", "clerk", "--on", standby, "--dir", c.Dir)
	if err != nil || !strings.Contains(out, "clerk 2.0.0 is at the counter") || !strings.Contains(out, "the list of fares is missing") {
		t.Errorf("service log: %v\n%s", err, out)
	}
	w.finish()
	if now, status := c.mustActive(); now != active || status.Epoch != before.Epoch {
		t.Errorf("%s serves in epoch %d, before %s did in %d", now, status.Epoch, active, before.Epoch)
	}

	c.order("stop", standby)
	if out, err := restart(); err == nil || !strings.Contains(strings.Join(strings.Fields(out), " "), "--on "+active+" restarts the service there only") {
		t.Errorf("the other host is away: %v\n%s", err, out)
	}
	if out, err := restart("--on", active); err != nil {
		t.Errorf("alone: %v\n%s", err, out)
	}
	c.order("start", standby)
	c.awaitPaired()
	c.Await(healWithin, "the service on "+standby, func() bool { return c.services(t)[standby+"/clerk"].State == programs.Ready })
	runs("2.0.0", "clerk-2")
	if out, _ := c.hotpair("doctor", "--json", "--dir", c.Dir); strings.Count(out, "clerk runs "+program("clerk-2")) != 2 {
		t.Errorf("doctor says nothing of it:\n%s", out)
	}
	if out, err := restart("--path", program("clerk-1")); err != nil {
		t.Errorf("back to the settings: %v\n%s", err, out)
	}
	runs("1.0.0", "clerk-1")
}
