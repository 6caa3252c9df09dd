package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// tapped is a link that somebody listens to.
type tapped struct {
	bus.Asker
	subject string
	data    []byte
}

func (l *tapped) Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	l.subject, l.data = subject, data
	return l.Asker.Request(ctx, subject, data)
}

// raw is a part of a message as it stands.
func raw(text string) json.RawMessage { return json.RawMessage(text) }

// Who knew the login of the link had the pair paused, switched over, and its terminals changed, without any operator's token; it was
// logged as an operator's act at the other host. A call that is passed on carries a proof, for this run and once.
func TestFault_C3_ACallOverTheLinkProvesWhoAsked(t *testing.T) {
	a, b := twins(t)
	var callers []operator.Caller
	pause := func(_ context.Context, c operator.Caller, q operator.PauseRequest) (operator.PauseResult, error) {
		callers = append(callers, c)
		return operator.PauseResult{Host: q.For}, nil
	}
	registry.Answer(a.registry, operator.CallPause, pause)
	registry.Answer(b.registry, operator.CallPause, pause)
	link := &tapped{Asker: b.peer}
	a.listens(t, b.peer)
	b.peer = link
	if _, err := b.call(t, operator.CallPause.Name, operator.Caller{Person: alice, ID: "1", From: "10.0.0.9:1"}); err != nil {
		t.Fatal(err)
	}
	if len(callers) != 1 || callers[0] != (operator.Caller{Person: alice, ID: "1", From: "10.0.0.9:1", Via: "b"}) {
		t.Fatalf("an operator's call: %+v", callers)
	}
	send := func(what, code string, change func(map[string]json.RawMessage)) {
		t.Helper()
		var m map[string]json.RawMessage
		if err := json.Unmarshal(link.data, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := bus.Call[map[string]json.RawMessage, operator.PauseResult](link.subject).Ask(ctx, link.Asker, m)
		if codes := fault.Codes(err); !fault.Remote(err) || len(codes) == 0 || codes[0] != code {
			t.Errorf("%s: %v (%v), want %s", what, err, codes, code)
		}
	}
	send("without a proof", "token", func(m map[string]json.RawMessage) {
		m["proof"], m["caller"], m["request"] = raw(`""`), raw(`{"id":"2","from":"10.0.0.66:1"}`), raw(`{"for":"24h"}`)
	})
	send("with the password of the link", "token", func(m map[string]json.RawMessage) { m["proof"] = raw(`"x"`) })
	send("in another's name", "token", func(m map[string]json.RawMessage) {
		m["body"] = raw(`{"caller":{"id":"2","from":"10.0.0.1:1"},"request":{"for":"24h"}}`)
	})
	send("as another host", "token", func(m map[string]json.RawMessage) { m["host"] = raw(`"c"`) })
	send("to another run", "token", func(m map[string]json.RawMessage) { m["to"] = raw(`"8"`) })
	send("heard on the line, and said again", "refused", func(map[string]json.RawMessage) {})
	if len(callers) != 1 {
		t.Errorf("done all the same: %+v", callers[1:])
	}
	if n := len(a.unproved); n != 6 || !strings.HasPrefix(a.unproved[0], "pause by b") {
		t.Errorf("told of %q", a.unproved)
	}
	if p := operator.NewProblem(errors.Join(operator.ErrToken)); p.Status != 401 {
		t.Errorf("at HTTP it is %d", p.Status)
	}
}
