package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/simulator"
	"github.com/hotpair/hotpair/storage/position"
)

// till is a terminal whose agent is a process of its own.
type till struct {
	*cluster
	env   map[string]string
	http  string
	agent *beside
}

// startTill adds a terminal to a pair and starts its agent.
func startTill(c *cluster, id, secret string) *till {
	c.Helper()
	listen, apps, web := processtest.Address(c), processtest.Address(c), processtest.Address(c)
	t := &till{cluster: c, http: "http://" + web, env: map[string]string{"HOTPAIR_TERMINAL_ID": id, "HOTPAIR_TERMINAL_LISTEN": listen, "HOTPAIR_TERMINAL_APPS": apps,
		"HOTPAIR_TERMINAL_HTTP": web, "HOTPAIR_DATA": filepath.Join(c.TempDir(), id), "HOTPAIR_TERMINAL_KEY": config.TerminalKey(secret, id)}}
	c.certify(t.env, identity.Terminal("", id))
	t.start()
	if out, err := c.hotpair("terminals", "add", id+"=nats://"+listen, "--dir", c.Dir); err != nil {
		c.Fatalf("%v\n%s", err, out)
	}
	return t
}

func (t *till) start() { t.agent = t.beside(t.env, "terminal") }

// kill ends the agent by SIGKILL and starts another one on its directory.
func (t *till) kill() {
	t.Helper()
	if err := t.agent.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = t.agent.cmd.Wait()
	t.start()
}

// call asks the agent over HTTP; ok: it has answered.
func (t *till) call(method, path, body string, header map[string]string, into any) (status int, ok bool) {
	q, err := http.NewRequestWithContext(t.Context(), method, t.http+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, false
	}
	for name, value := range header {
		q.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, false // it was killed, or is starting
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, false
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Errorf("%s %s is answered %s: %v", method, path, text, err)
	}
	return answer.StatusCode, true
}

// queue has one value put behind the others of its lane, until the agent says that it has that.
func (t *till) queue(lane string, n int) (id string) {
	var kept struct{ ID string }
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for began := time.Now(); time.Since(began) < healWithin; <-again.C {
		status, ok := t.call(http.MethodPost, "/v1/kv/put", fmt.Sprintf(`{"key":%q,"value":%d}`, lane, n), map[string]string{
			"Content-Type": "application/json", bus.HeaderQueue: "yes", bus.HeaderLane: lane, bus.HeaderQueueKey: fmt.Sprintf("%s/%d", lane, n)}, &kept)
		switch {
		case ok && status == http.StatusAccepted && kept.ID != "":
			return kept.ID
		case ok && status != http.StatusServiceUnavailable: // it is ending
			t.Errorf("%d of lane %s is answered %d", n, lane, status)
			return ""
		}
	}
	t.Errorf("%d of lane %s is not taken", n, lane)
	return ""
}

// came is what came of a request that was queued.
func (t *till) came(id string) (told queue.Told) {
	t.Helper()
	t.Await(healWithin, "word of a request that was queued", func() bool {
		status, ok := t.call(http.MethodGet, "/v1/queue/"+id, "", nil, &told)
		if ok && status != http.StatusOK {
			t.Fatalf("nothing is known of a request that was queued: %d", status)
		}
		return ok
	})
	return told
}

// TestQueue_IsDoneOnceThoughTheLineIsCutAndTheAgentKilled: both hosts are down while 200 requests are queued over HTTP, and the agent
// is killed among them; then both come, and it is killed again while they are done.
func TestQueue_IsDoneOnceThoughTheLineIsCutAndTheAgentKilled(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "2"}, "HOTPAIR_LEASE=1s")
	c.awaitPaired()
	_, before := c.mustActive()
	at := startTill(c, "till", c.File().Hosts["a"].StartFile.Env["HOTPAIR_PAIR_SECRET"])
	c.Await(healWithin, "the terminal is attached", func() bool {
		_, s := c.active()
		return s.Terminals.Attached == 3
	})
	app, err := nats.Connect("nats://"+at.env["HOTPAIR_TERMINAL_APPS"], nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	var mu sync.Mutex
	results := map[string]int{}
	_, err = app.Subscribe(notice.AppSubject(notice.System, bus.TopicResult), func(m *nats.Msg) {
		var told queue.Told
		if err := json.Unmarshal(m.Data, &told); err != nil {
			t.Errorf("a result that can't be read: %s: %v", m.Data, err)
		}
		mu.Lock()
		defer mu.Unlock()
		results[told.ID]++
	})
	if err != nil {
		t.Fatal(err)
	}
	c.stopBoth()

	const lanes, each = 4, 50
	ids := [lanes][each]string{}
	laneOf := func(l int) string { return fmt.Sprintf("lane-%d", l) }
	var asking sync.WaitGroup
	some := make(chan struct{})
	for l := range lanes {
		asking.Go(func() {
			for n := range each {
				ids[l][n] = at.queue(laneOf(l), n)
				if l == 0 && n == each/2 {
					close(some)
				}
			}
		})
	}
	<-some
	at.kill()
	asking.Wait()
	c.startBoth(before.Epoch)
	done := func() (count int) {
		var s struct{ Queued int }
		if status, ok := at.call(http.MethodGet, "/v1/status", "", nil, &s); !ok || status != http.StatusOK {
			return 0
		}
		return lanes*each - s.Queued
	}
	c.Await(healWithin, "some of it is done", func() bool { return done() > 0 })
	at.kill()
	c.Await(healWithin, "all of it is done", func() bool { return done() == lanes*each })

	places := map[position.Position]string{}
	for l := range lanes {
		var last position.Position
		for n := range each {
			told := at.came(ids[l][n])
			at, err := position.Parse(told.Position)
			if told.State != queue.Done.String() || told.Code != bus.CodeOK || err != nil {
				t.Fatalf("request %d of lane %d: %+v", n, l, told)
			}
			if !last.Before(at) {
				t.Errorf("request %d of lane %d was done at %v, the one before it at %v", n, l, at, last)
			}
			last, places[at] = at, laneOf(l)
		}
	}
	written := 0
	host, _ := c.mustActive()
	ctx, cancel := context.WithTimeout(t.Context(), healWithin)
	defer cancel()
	page, err := operator.CallHistory.Ask(ctx, c.client(host), bus.HistoryRequest{Limit: 500, Service: "kv"})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range page.Updates {
		if strings.HasPrefix(u.Request, bus.QueueSeries("till")+"/") {
			written++
			if places[u.Position] == "" || places[u.Position] != strings.Join(u.Keys, " ") {
				t.Errorf("update %v of %v was told of nobody who asked for it", u.Position, u.Keys)
			}
		}
	}
	if written != lanes*each || len(places) != lanes*each {
		t.Errorf("%d requests were done by %d updates, want %d", len(places), written, lanes*each)
	}
	mu.Lock()
	defer mu.Unlock()
	for id, times := range results {
		if times > 1 {
			t.Errorf("the outcome of %s was told %d times", id, times)
		}
	}
	t.Logf("measured: %d of %d outcomes were told while they came, the others when asked for", len(results), lanes*each)
}

// put asks for one update, not queued.
func (t *till) put(n int) (status int, detail string) {
	t.Helper()
	var answer struct{ Detail string }
	t.Await(healWithin, "answer", func() (ok bool) {
		status, ok = t.call(http.MethodPost, "/v1/kv/put", fmt.Sprintf(`{"key":"x","value":%d}`, n), map[string]string{"Content-Type": "application/json"}, &answer)
		return ok
	})
	return status, answer.Detail
}

// TestQueue_ANumberUsedTwiceIsRefused: the directory of an agent is put back as it was, so that it gives numbers a second time. What it
// asks then is refused and not answered with what was another's, until its directory is emptied as the alarm says.
func TestQueue_ANumberUsedTwiceIsRefused(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "2"}, "HOTPAIR_LEASE=1s")
	c.awaitPaired()
	at := startTill(c, "till", c.File().Hosts["a"].StartFile.Env["HOTPAIR_PAIR_SECRET"])
	put := func(n int) {
		t.Helper()
		if status, why := at.put(n); status != http.StatusOK {
			t.Errorf("%d: %s", status, why)
		}
	}
	put(0)
	at.agent.stop()
	data, before := at.env["HOTPAIR_DATA"], filepath.Join(t.TempDir(), "before")
	copyTree := func(from, to string) {
		t.Helper()
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(to, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	copyTree(data, before)
	at.start()
	for n := range 3 {
		put(n + 1)
	}
	at.agent.stop()
	copyTree(before, data)
	at.start()
	for n, want := range []int{http.StatusGone, http.StatusGone, http.StatusConflict} { // the last one has said that those before it are answered
		if status, why := at.put(n + 77); status != want || want == http.StatusConflict && !strings.Contains(why, "number reused") {
			t.Errorf("%d: %s", status, why)
		}
	}
	active, _ := c.mustActive()
	c.awaitAlarm(active, alarms.NumberReused)
	at.agent.stop()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	at.start()
	put(4)
}

// TestQueue_OfAWorkload: what clients queue is done once, over the end of the host that serves.
func TestQueue_OfAWorkload(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "3"}, "HOTPAIR_LEASE=1s")
	c.awaitPaired()
	active, before := c.mustActive()
	o := simulator.Options{Clients: 6, Workload: simulator.Mixed, Rate: 100, Seed: 1, Queue: true, Alone: true}
	for _, terminal := range c.File().Terminals {
		o.Terminals = append(o.Terminals, simulator.Terminal{ID: terminal.ID, Address: terminal.Address})
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	type result struct {
		report simulator.Report
		err    error
	}
	over := make(chan result, 1)
	go func() {
		report, err := simulator.Run(ctx, o)
		over <- result{report, err}
	}()
	moved := func(by uint64) {
		t.Helper()
		_, now := c.mustActive()
		c.Await(healWithin, "what is queued is done", func() bool {
			_, s := c.active()
			return s.Committed.Sequence >= now.Committed.Sequence+by
		})
	}
	moved(50)
	c.order("kill", active)
	c.awaitTakeover(before)
	moved(50)
	stop()
	r := <-over
	if v := r.report.Verdict; r.err != nil || !v.OK || v.Writes < 100 || v.Keys == 0 {
		t.Errorf("%+v, %v", v, r.err)
	}
	t.Logf("measured: %d operations, of which %d wrote", r.report.Operations, r.report.Verdict.Writes)
}
