package terminal

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/terminal/fence"
)

// openFence opens the states of fenced commands. The identity of the directory is created once and never changes: by
// it the pair knows the taker of a command.
func (a *Agent) openFence() (*fence.Fence, error) {
	if a.store.get().Directory == "" {
		if err := a.store.update(func(f *facts) { f.Directory = rand.Text() }); err != nil {
			return nil, err
		}
	}
	f, err := fence.New(fence.Config{
		Dir: a.config.Data, Directory: a.store.get().Directory, Find: a.told, Ask: a.askOwn, Serves: func() bool { return a.table.attached() != nil }, Tell: a.publishBecame, Log: a.log,
	})
	if err == nil {
		a.fence = f
		a.inbox.Show(f.State)
	}
	return f, err
}

// told returns the stored notice with a number.
func (a *Agent) told(number uint64) (notice.Told, error) {
	page, err := a.inbox.After(notice.After{Number: number - 1, Limit: 1, Fenced: true})
	if err != nil {
		return notice.Told{}, err
	}
	var kept notice.Kept
	if err := json.Unmarshal(page, &kept); err != nil {
		return notice.Told{}, fmt.Errorf("notice %d can't be read: %w", number, err)
	}
	if len(kept.Notices) == 0 || kept.Notices[0].Number != number {
		return notice.Told{}, fmt.Errorf("there is no notice %d here, or it was discarded", number)
	}
	return kept.Notices[0], nil
}

// askOwn sends a request of the agent itself to the pair, like a request of an application: to the attached host,
// until the deadline.
func (a *Agent) askOwn(operation string, body []byte, answer func(bus.Reply)) {
	now := time.Now()
	e := &entry{
		own: true, service: notice.System, operation: operation, body: body, arrived: now, deadline: now.Add(a.config.Deadline),
		replies: []asker{{take: answer}},
	}
	switch admission, out := a.admit(e); admission {
	case admitted:
		a.send(out)
	case refusedEnd:
		a.refuse(e.replies, bus.CodeNobody, "this terminal's agent is stopping; ask again")
	default:
		a.refuse(e.replies, bus.CodeOverloaded, tooManyWaiting)
	}
}

// publishBecame tells applications the state of a command that is not carried out.
func (a *Agent) publishBecame(b notice.Became) {
	a.tellCame(notice.TopicCommand, bus.EncodeJSON(b))
}

// takeFenced takes a command for an application, or confirms it.
func (a *Agent) takeFenced(m *nats.Msg) {
	if strings.HasPrefix(m.Reply, inboxPrefix) { // otherwise there is no reply subject
		a.askFence(m.Subject == notice.SubjectDone, m.Data, asker{inbox: m.Reply})
	}
}

func (a *Agent) askFence(done bool, body []byte, by asker) {
	ask := a.fence.Take
	if done {
		ask = a.fence.Finish
	}
	ask(body, func(r bus.Reply) { a.answer([]asker{by}, r) })
}

// isFence reports whether a question is about a command: over HTTP it has the form of a service's.
func (q *question) isFence() (done, is bool) {
	subject := q.service + "." + q.operation
	return subject == notice.SubjectDone, subject == notice.SubjectDone || subject == notice.SubjectTake
}
