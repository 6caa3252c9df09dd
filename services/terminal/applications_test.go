package terminal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// The examples of APPLICATIONS.md are here as they are there; the others do what it says in words.

func exampleAsk(url string) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	answer, err := nc.Request("request.ledger.open", []byte(`{"account":"till-3","balance":100}`), 40*time.Second)
	if err != nil {
		return err // no agent, or no answer in time
	}
	if code := answer.Header.Get("Nats-Service-Error-Code"); code != "" {
		return fmt.Errorf("%s: %s", code, answer.Header.Get("Nats-Service-Error"))
	}
	return nil
}

func exampleDeadline(nc *nats.Conn) (*nats.Msg, error) {
	m := nats.NewMsg("request.ledger.balance")
	m.Data = []byte(`{"account":"till-3"}`)
	m.Header.Set("Hotpair-Deadline", "5s")
	answer, err := nc.RequestMsg(m, 6*time.Second) // longer than the deadline
	return answer, err
}

func exampleRepeat(nc *nats.Conn, got func(first, again *nats.Msg)) error {
	m := nats.NewMsg("request.ledger.transfer")
	m.Data = []byte(`{"from":"till-3","to":"safe","amount":25}`)
	id := time.Now().UTC().Format(time.RFC3339Nano) + "/order-17" // keep it with the body, before sending
	m.Header.Set("Hotpair-Request-Id", id)
	first, err := nc.RequestMsg(m, 40*time.Second)
	if err != nil {
		return err
	}
	again, err := nc.RequestMsg(m, 40*time.Second) // the same id and body: nothing is done twice
	got(first, again)
	return err
}

func exampleQueue(nc *nats.Conn) (*nats.Msg, error) {
	m := nats.NewMsg("request.ledger.transfer")
	m.Data = []byte(`{"from":"till-3","to":"safe","amount":25}`)
	m.Header.Set("Hotpair-Queue", "yes")
	m.Header.Set("Hotpair-Lane", "till-3")        // what is in one lane is done one after the other
	m.Header.Set("Hotpair-Queue-Key", "order-18") // queue the same again, and it is queued once
	kept, err := nc.RequestMsg(m, 5*time.Second)  // without an answer it may be queued: queue the same again, with its key
	if err != nil {
		return nil, err
	}
	var queued struct{ ID string }
	if err := json.Unmarshal(kept.Data, &queued); err != nil {
		return nil, err
	}
	came, err := nc.Request("queue.get", fmt.Appendf(nil, `{"id":%q}`, queued.ID), 5*time.Second)
	return came, err
}

func exampleHear(nc *nats.Conn, show func(json.RawMessage)) error {
	_, err := nc.Subscribe("notice.shop.price", func(m *nats.Msg) {
		var told notice.Told
		if err := json.Unmarshal(m.Data, &told); err != nil {
			return
		}
		show(told.Body)
	})
	return err
}

func exampleFenced(nc *nats.Conn, open func(json.RawMessage)) error {
	by := rand.Text() // once, when your program starts
	_, err := nc.Subscribe("fenced.gate.open", func(m *nats.Msg) {
		var told notice.Told
		if err := json.Unmarshal(m.Data, &told); err != nil {
			return
		}
		ask := fmt.Appendf(nil, `{"number":"%d","by":%q}`, told.Number, by)
		answer, err := nc.Request("notices.take", ask, 40*time.Second)
		if err != nil {
			return // ask again, with the same by
		}
		if answer.Header.Get("Nats-Service-Error-Code") != "" {
			return // 409: somebody else has it, or nobody may have it any more; 429, 503, 504: ask again
		}
		var handed notice.Handed
		if err := json.Unmarshal(answer.Data, &handed); err != nil {
			return
		}
		open(handed.Body)
		_, _ = nc.Request("notices.done", ask, 5*time.Second) // without an answer say it again
	})
	return err
}

func exampleNotices(ctx context.Context, nc *nats.Conn, last uint64, do func(notice.Told) error) error {
	wake := make(chan struct{}, 1)
	if _, err := nc.Subscribe("notice.>", func(*nats.Msg) {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
	}); err != nil {
		return err
	}
	for {
		for more := true; more; {
			answer, err := nc.Request("notices.after", fmt.Appendf(nil, `{"number":"%d"}`, last), 5*time.Second)
			if err != nil {
				return err
			}
			if code := answer.Header.Get("Nats-Service-Error-Code"); code != "" {
				return fmt.Errorf("%s: %s", code, answer.Header.Get("Nats-Service-Error"))
			}
			var kept notice.Kept
			if err := json.Unmarshal(answer.Data, &kept); err != nil {
				return err
			}
			for _, told := range kept.Notices {
				if err := do(told); err != nil { // and keep told.Number with it
					return err
				}
				last = told.Number
			}
			more = kept.More
		}
		select {
		case <-wake:
		case <-time.After(time.Minute): // the connection may have been away
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func exampleDiscovery(nc *nats.Conn, out io.Writer) error {
	about, err := nc.Request("$SRV.INFO.ledger", nil, 2*time.Second)
	if err != nil {
		return err // there is no such service
	}
	var info micro.Info
	if err := json.Unmarshal(about.Data, &info); err != nil {
		return err
	}
	for _, e := range info.Endpoints {
		fmt.Fprintln(out, e.Subject)
	}
	return nil
}

// ledger is what the examples ask for, as the attached host has it.
var ledger = []bus.AgentService{
	{Name: "ledger", Version: "1.0.0", Description: "keeps accounts", Operations: []string{"balance", "open", "transfer", "not a name"}},
	{Name: "no.name"}, {Name: "kv", Version: "1.2.0", Operations: []string{"put"}},
}

// TestFault_D5_APageForWhoWritesAnApplication: there was none. Each example of it is run here, and stands in it as it does here.
func TestFault_D5_APageForWhoWritesAnApplication(t *testing.T) {
	page, err := os.ReadFile("APPLICATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("applications_test.go")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```").FindAllSubmatch(page, -1)
	for _, e := range examples {
		if string(e[1]) != "go" || !strings.Contains(string(source), string(e[2])) {
			t.Errorf("nobody runs this example of the page:\n%s", e[2])
		}
	}
	if len(examples) != 3 {
		t.Errorf("%d examples", len(examples))
	}

	a := start(t, t.TempDir(), nil)
	h, nc := newHost(t, a, "x"), app(t, a)
	asked := make(chan bus.Request, 8)
	h.services = ledger
	h.attach(1, 1, func(q bus.Request, answer func(bus.Reply)) {
		asked <- q
		answer(bus.Reply{Body: []byte(`{}`)})
	})
	if err := exampleAsk(a.AppURL()); err != nil {
		t.Error(err)
	}
	if q := <-asked; q.Service != "ledger" || q.Operation != "open" {
		t.Errorf("%+v", q)
	}
	if m, err := exampleDeadline(nc); err != nil || m.Header.Get(bus.HeaderErrorCode) != "" {
		t.Errorf("%v, %+v", err, m)
	}
	if q := <-asked; q.Remaining > int64(5*time.Second) {
		t.Errorf("its deadline is %v", time.Duration(q.Remaining))
	}
	err = exampleRepeat(nc, func(first, again *nats.Msg) {
		wantCode(t, first, bus.CodeOK)
		wantCode(t, again, bus.CodeOK)
	})
	if one, two := <-asked, <-asked; err != nil || one.ID != two.ID || one.ID.App == "" {
		t.Errorf("%v: asked under %v and %v", err, one.ID, two.ID)
	}
	for range 2 {
		if came, err := exampleQueue(nc); err != nil || !strings.Contains(string(came.Data), `"key":"order-18"`) {
			t.Errorf("%s, %v", came.Data, err)
		}
	}
	var out strings.Builder
	if err := exampleDiscovery(nc, &out); err != nil || out.String() != "request.ledger.balance\nrequest.ledger.open\nrequest.ledger.transfer\n" {
		t.Errorf("%v, %q", err, out.String())
	}
}

// TestNotices_Examples runs those of APPLICATIONS.md about notices: who asks at the start and whenever something is published misses nothing,
// also of the time in which it was away.
func TestNotices_Examples(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	h, nc := tells(t, a, "x", 1), app(t, a)
	shown := make(chan string, 8)
	if err := exampleHear(nc, func(body json.RawMessage) { shown <- string(body) }); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	done := make(chan uint64, 8)
	follow := func(last uint64) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- exampleNotices(ctx, app(t, a), last, func(told notice.Told) error { done <- told.Number; return nil })
		}()
		return func() {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	}
	want := func(numbers ...uint64) {
		t.Helper()
		for _, n := range numbers {
			if got := <-done; got != n {
				t.Errorf("notice %d, want %d", got, n)
			}
		}
	}
	h.tell("1", "2")
	stop := follow(0)
	want(1, 2)
	h.tell("3")
	want(3)
	stop()
	h.tell("4", "5")
	stop = follow(3)
	want(4, 5)
	h.tell("6")
	want(6)
	stop()
	for n := range 6 {
		if got := <-shown; got != fmt.Sprint(n+1) {
			t.Errorf("%s is shown, want %d", got, n+1)
		}
	}
	if err := exampleNotices(t.Context(), nc, 7, nil); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("after a number that was never given: %v", err)
	}
}

// TestFault_D5_ApplicationsFindServices: who looked for services, as clients of NATS services do, was refused the question.
func TestFault_D5_ApplicationsFindServices(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	h, nc := newHost(t, a, "x"), app(t, a)
	// gather hears what is answered to a question, up to what comes of another one.
	gather := func(subject string) (names []string) {
		t.Helper()
		inbox := nats.NewInbox()
		sub, err := nc.SubscribeSync(inbox)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sub.Unsubscribe() }()
		if err := nc.PublishRequest(subject, inbox, nil); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := sub.NextMsg(200 * time.Millisecond)
			if err != nil {
				return names
			}
			var p micro.Ping
			if err := json.Unmarshal(m.Data, &p); err != nil || p.ID != "t1" || p.Version == "" {
				t.Errorf("%s: %s, %v", subject, m.Data, err)
			}
			names = append(names, p.Name+" "+p.Type)
		}
	}
	if got := gather("$SRV.PING"); got != nil {
		t.Errorf("before a host has come: %v", got)
	}
	h.services = ledger
	h.attach(1, 1, func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{}) })
	for subject, want := range map[string]string{
		"$SRV.PING":           "[ledger io.nats.micro.v1.ping_response kv io.nats.micro.v1.ping_response]",
		"$SRV.INFO":           "[ledger io.nats.micro.v1.info_response kv io.nats.micro.v1.info_response]",
		"$SRV.PING.kv":        "[kv io.nats.micro.v1.ping_response]",
		"$SRV.PING.kv.t1":     "[kv io.nats.micro.v1.ping_response]",
		"$SRV.PING.kv.t2":     "[]",
		"$SRV.INFO.none":      "[]",
		"$SRV.INFO.kv.t1.all": "[]",
	} {
		if got := fmt.Sprint(gather(subject)); got != want {
			t.Errorf("%s: %s, want %s", subject, got, want)
		}
	}
	// The attached host says what has changed with its next hello; nobody else does.
	say := func(identity string, services ...bus.AgentService) {
		t.Helper()
		call[bus.AgentWelcome](h, bus.SubjectAgentHello, bus.AgentHello{Levels: level.Own(), PairID: "pair", Identity: identity, Services: services})
	}
	say("id-other", bus.AgentService{Name: "false"})
	if got := a.catalogue.list(); len(got) != 2 {
		t.Errorf("another host said %v", got)
	}
	say("id-x", bus.AgentService{Name: "kv", Version: "2.0.0"})
	processtest.Await(t, "the change", func() bool { got := a.catalogue.list(); return len(got) == 1 && got[0].Version == "2.0.0" })
}
