package wire

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// newWire connects a wire to an agent through a dialer's filter.
func newWire(t *testing.T, a *anAgent) *Conn {
	t.Helper()
	d := NewDialer(nil, 1)
	w := must[*Conn](t)(d.Attempt(t.Context()).Connect(Config{
		Name: "test", URL: a.URL(), Password: keyOf(a.id), Complaint: func(err error) { t.Errorf("complaint: %v", err) },
	}))
	t.Cleanup(w.Close)
	return w
}

func TestWire_CarriesMessagesOfAnySize(t *testing.T) {
	a := newAgent(t, "t1")
	w, other := newWire(t, a), newWire(t, a)
	got := make(chan *nats.Msg, 1)
	// Hosts may hear the requests of sessions and publish their answers only, so a message goes to itself by the agent's words.
	stop := w.Subscribe(bus.SubjectAgentChanged, func(m *nats.Msg) { got <- m })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, size := range []int{0, 1, wireBuffer, 3 * wireBuffer, 1 << 20} {
		// What is no call of its form is answered with an error that says so, or not at all; the connection stays.
		if err := w.PublishMsg(&nats.Msg{Subject: bus.SubjectAgentFresh, Data: []byte(strings.Repeat("x", size))}); err != nil {
			t.Fatal(err)
		}
		reply := must[*nats.Msg](t)(w.Request(ctx, bus.SubjectAgentHello, bus.EncodeJSON(bus.AgentHello{Levels: level.Own(), Host: "h"})))
		var welcome bus.AgentWelcome
		if err := bus.DecodeJSON(reply.Data, &welcome); err != nil || welcome.Terminal != "t1" {
			t.Fatalf("after %d bytes: %+v, %v", size, welcome, err)
		}
		if err := w.FlushWithContext(ctx); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if time.Since(w.Heard()) > patience {
		t.Errorf("heard at %v", w.Heard())
	}
	if _, err := other.Request(ctx, bus.SubjectAgentDetach, bus.EncodeJSON(bus.AgentDetach{Session: "none"})); err != nil {
		t.Error(err)
	}
}

func TestWire_TellsWhyThereIsNoAnswer(t *testing.T) {
	a := newAgent(t, "t1")
	w := newWire(t, a)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := w.Request(short, bus.SubjectAgentFresh, []byte("not JSON")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer in time: %v", err)
	}
	if _, err := w.Request(t.Context(), bus.SessionAnswers("s")+".x", nil); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("nobody serves it: %v", err)
	}
	waits := make(chan error, 1)
	go func() {
		_, err := w.Request(context.Background(), bus.SubjectAgentFresh, []byte("not JSON"))
		waits <- err
	}()
	a.stop()
	if err := <-waits; !errors.Is(err, bus.ErrDisconnected) {
		t.Errorf("the agent has ended: %v", err)
	}
	processtest.Await(t, "the wire has ended", func() bool { return w.Up().Err() != nil })
	if err := w.PublishMsg(&nats.Msg{Subject: "x"}); !errors.Is(err, bus.ErrDisconnected) {
		t.Errorf("publish: %v", err)
	}
	d := NewDialer(nil, 1)
	b := newAgent(t, "t2")
	_, err := d.Attempt(t.Context()).Connect(Config{Name: "test", URL: b.URL(), Password: "another", Complaint: func(error) {}})
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a wrong key: %v", err)
	}
}
