package terminal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/strictjson"
	"github.com/hotpair/hotpair/services/terminal/inbox"
)

const (
	// mostBatches bounds the batches of notices that wait for the disk. A host sends one and waits for the answer.
	mostBatches = 8
	// keptBlock is the number of notice or queue numbers made durable at once.
	keptBlock = 1 << 12
)

// takeNotices takes a batch from the attached session. It runs on a goroutine of its own: a slow disk keeps neither requests nor the
// next attach waiting. A batch that is written while another host attaches counts as one from before; see inbox.Session.
func (a *Agent) takeNotices(m *nats.Msg) {
	if !strings.HasPrefix(m.Reply, inboxPrefix) {
		a.log.Warn("a host's message without a reply subject is ignored", "subject", cut(m.Subject), "so_far", a.dropped.Add(1))
		return
	}
	s := a.table.attached()
	if s == nil || m.Subject != notice.Subject(s.id) {
		a.refuseNotices(m, "an ended session", notice.Stored{Why: "this session is not attached"})
		return
	}
	var batch notice.Batch
	err := notice.DecodeBatch(m.Data, &batch)
	if err != nil {
		a.refuseNotices(m, s.host, s.notices.Refuse(err))
		return
	}
	told, answer, err := s.notices.Take(batch)
	if err != nil {
		a.refuseNotices(m, s.host, answer)
		if !errors.Is(err, inbox.ErrRefused) {
			a.fail(fmt.Errorf("notices: %w", err))
		}
		return
	}
	a.answerNotices(m, answer)
	for _, p := range told {
		if p.Skipped != "" {
			a.log.Error("a notice can't be delivered; applications are told that it is missing", "number", p.Number, "notice", p.To, "reason", p.Skipped)
		}
		a.publish(p)
	}
	a.bell.ring()
}

func (a *Agent) refuseNotices(m *nats.Msg, from string, answer notice.Stored) {
	a.log.Warn("notices refused", "from", from, "error", answer.Why, "so_far", a.refused.Add(1))
	a.answerNotices(m, answer)
}

func (a *Agent) answerNotices(m *nats.Msg, answer notice.Stored) {
	data, err := bus.Encode(answer)
	if err != nil {
		a.log.Error("an answer to a host can't be written", "error", err)
		return
	}
	// An error says that the agent ends; its own connection reports that.
	_ = a.hosts.Publish(m.Reply, data)
}

// publish sends stored notices to applications. One that misses a notice, because it or the agent's own connection was
// down, sees that from the next number, and asks for it.
func (a *Agent) publish(p inbox.Published) {
	if p.Service == notice.System {
		a.log.Warn("notices are missing or void; applications are told so", "about", p.Topic, "number", p.Number, "from", p.From, "to", p.To,
			"missing", p.Missing)
	}
	subject := notice.AppSubject(p.Service, p.Topic)
	if p.Fenced {
		subject = notice.FencedSubject(p.Service, p.Topic)
	}
	a.tell(subject, p.Data)
}

// tell publishes something to applications.
func (a *Agent) tell(subject string, data []byte) {
	_ = a.apps.Publish(subject, data)
	a.unread.answered(len(data) * int(max(1, a.doors.apps.NumSubscriptions()))) // as if all had received it
}

// tellCame tells applications the outcome of a request or a command.
func (a *Agent) tellCame(topic string, data []byte) {
	a.tell(notice.AppSubject(notice.System, topic), data)
	a.came.Add(topic, data)
	a.bell.ring()
}

// reserve makes durable that numbers of notices may have been given: notices are stored in another file than the
// facts, which may be lost.
func (a *Agent) reserve(upTo uint64) error {
	if upTo <= a.store.get().Told {
		return nil
	}
	return a.store.update(func(f *facts) { f.Told = max(f.Told, upTo+keptBlock) })
}

// afterOf reads the number from a message after which an application asks, and answers malformed ones.
func (a *Agent) afterOf(m *nats.Msg) (after notice.After, by []asker, ok bool) {
	by = []asker{{inbox: m.Reply}}
	if !strings.HasPrefix(m.Reply, inboxPrefix) {
		return after, by, false // nobody can be answered
	}
	if len(m.Data) > 0 {
		if err := strictjson.Decode(m.Data, &after); err != nil {
			a.refuse(by, bus.CodeMalformed, fmt.Sprintf(`the body: %v; send {"number":"0"}, the number of the last notice that you have processed`, err))
			return after, by, false
		}
	}
	return after, by, true
}

// noticesAfter returns an application what is kept.
func (a *Agent) noticesAfter(m *nats.Msg) {
	after, reply, ok := a.afterOf(m)
	if !ok {
		return
	}
	kept, err := a.inbox.After(after)
	switch {
	case errors.Is(err, inbox.ErrBeyond):
		a.refuse(reply, bus.CodeConflict, err.Error())
	case err != nil:
		a.log.Error("stored notices can't be read", "error", err)
		a.refuse(reply, bus.CodeFault, "the notices stored at this terminal can't be read; see the log of its agent")
	default:
		a.answer(reply, bus.Reply{Body: kept})
	}
}
