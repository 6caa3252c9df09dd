package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// message is one server-sent event.
type message struct{ kind, id, data string }

// follow opens a stream and gives its messages until the test ends.
func follow(t *testing.T, s *Server, after string) <-chan message {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Address()+PathStream, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", after)
	r.Header.Set("Authorization", "Bearer "+operatortest.TokenOf(operator.View))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream: %s", response.Status)
	}
	messages := make(chan message, 64)
	go func() {
		defer close(messages)
		defer response.Body.Close()
		var m message
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
			case "event":
				m.kind = value
			case "id":
				m.id = value
			case "data":
				m.data = value
			case "":
				if m.kind != "" {
					messages <- m
				}
				m = message{}
			}
		}
	}()
	return messages
}

// next waits for a message that is wanted.
func next(t *testing.T, messages <-chan message, what string, wanted func(message) bool) message {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				t.Fatalf("the stream ended before %s", what)
			}
			if wanted(m) {
				return m
			}
		case <-late:
			t.Fatalf("no %s", what)
		}
	}
}

func kindIs(kind string) func(message) bool { return func(m message) bool { return m.kind == kind } }

func TestStream_TellsWhatChanges(t *testing.T) {
	h := &operatortest.Host{Now: operator.Status{Host: "a", Role: "standby", Mode: "paired", Fit: true, Peer: operator.Peer{Host: "b", Serves: true}, InSync: []string{"a", "b"}, Witness: operator.Witness{Reachable: true}}, Other: operator.Status{Host: "b", Role: "active"}}
	messages := follow(t, serve(t, h), "")
	var s operator.Status
	m := next(t, messages, "status", kindIs("status"))
	if err := json.Unmarshal([]byte(m.data), &s); err != nil || s.Role != "standby" || s.Level != "good" || s.Sentence == "" {
		t.Fatalf("first status %s: %v", m.data, err)
	}
	next(t, messages, "point of the other host", func(m message) bool { return m.kind == "point" && strings.Contains(m.data, `"requests":9`) })
	m = next(t, messages, "status of the other host", kindIs("peer"))
	if err := json.Unmarshal([]byte(m.data), &s); err != nil || s.Host != "b" {
		t.Fatalf("peer %s: %v", m.data, err)
	}
	h.Mu.Lock()
	h.Now.Role = "takeover"
	h.Now.Events = []operator.Event{{Time: time.Unix(5, 7), Host: "a", Step: "B3", Text: "takes over"}}
	h.Points = []operator.Point{{Time: time.Unix(6, 0), Requests: 3}}
	h.Other = operator.Status{}
	h.Mu.Unlock()
	if m = next(t, messages, "event", kindIs("event")); m.id == "" || !strings.Contains(m.data, "takes over") {
		t.Fatalf("event %+v", m)
	}
	next(t, messages, "takeover", func(m message) bool { return m.kind == "status" && strings.Contains(m.data, `"role":"takeover"`) })
	next(t, messages, "point", func(m message) bool { return m.kind == "point" && strings.Contains(m.data, `"requests":3`) })
	next(t, messages, "loss of the other host", func(m message) bool { return m.kind == "peer" && strings.Contains(m.data, `"error"`) })
}

// TestStream_SaysItIsAliveWithoutNews holds that a reader can tell silence from a dead host.
func TestStream_SaysItIsAliveWithoutNews(t *testing.T) {
	messages := follow(t, serve(t, &operatortest.Host{Now: operator.Status{Host: "a"}}), "")
	for range 3 {
		next(t, messages, "status", kindIs("status"))
	}
}

func TestStream_ResumesAfterTheLastEvent(t *testing.T) {
	h := &operatortest.Host{}
	for i := range 5 {
		h.Now.Events = append(h.Now.Events, operator.Event{Time: time.Unix(int64(i), 0), Host: "a", Text: fmt.Sprint("event ", i)})
	}
	s := serve(t, h)
	first := follow(t, s, "")
	var third message
	for i := range 3 {
		third = next(t, first, "event", kindIs("event"))
		if !strings.Contains(third.data, fmt.Sprint("event ", i)) {
			t.Fatalf("event %d is %s", i, third.data)
		}
	}
	again := follow(t, s, third.id)
	if m := next(t, again, "event", kindIs("event")); !strings.Contains(m.data, "event 3") {
		t.Errorf("resumed with %s", m.data)
	}
	// One that is not known any more: everything there is.
	if m := next(t, follow(t, s, "long-gone"), "event", kindIs("event")); !strings.Contains(m.data, "event 0") {
		t.Errorf("resumed with %s", m.data)
	}
}

func TestStream_IsBounded(t *testing.T) {
	s := serve(t, &operatortest.Host{})
	for range maxStreamsFrom {
		next(t, follow(t, s, ""), "status", kindIs("status"))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Address()+PathStream, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+operatortest.TokenOf(operator.View))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one more stream: %s", response.Status)
	}
	// The rest of the interface is not held up.
	if _, err := operator.NewClient("http://" + s.Address()).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// An event that another host saw may come between those that were told, and one of this host's may move behind them.
func TestTeller_TellsEachEventOnceWhereverItStands(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	event := func(text string) operator.Event {
		at = at.Add(time.Second)
		return operator.Event{Time: at, Host: "a", Text: text}
	}
	one, two, three, four := event("one"), event("two"), event("three"), event("four")
	reader := &teller{told: eventKey(one)}
	for _, step := range []struct{ has, want []operator.Event }{
		{[]operator.Event{one, two}, []operator.Event{two}},
		{[]operator.Event{one, three, two}, []operator.Event{three}},
		{[]operator.Event{three, two, four}, []operator.Event{four}},
		{[]operator.Event{three, two, four}, []operator.Event{}},
	} {
		if diff := cmp.Diff(step.want, reader.news(step.has)); diff != "" {
			t.Errorf("of %v: %s", step.has, diff)
		}
	}
	if got := (&teller{told: "gone"}).news([]operator.Event{one, two}); len(got) != 2 {
		t.Errorf("a reader whose last event is forgotten got %v", got)
	}
}
