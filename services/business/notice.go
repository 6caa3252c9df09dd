package business

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus/outbox"
)

// ErrNotice says that a handler made an invalid notice. It is a fault of the service: the request is answered with
// 500.
var ErrNotice = errors.New("not a notice")

// To selects the terminals of a notice.
type To struct {
	ids []string
	all bool
}

// Terminals selects the terminals with these ids. An id that is not of the pair refuses the update: the request is
// answered with 404.
func Terminals(ids ...string) To { return To{ids: ids} }

// AllTerminals selects all terminals, including those that are not attached now; one that is added later gets nothing.
func AllTerminals() To { return To{all: true} }

// NoticeOption changes how a notice is delivered.
type NoticeOption func(*outbox.Notice)

// Fenced makes a notice a command: for an effect in the world, like opening a gate, that must not happen twice. A
// terminal hands it out at most once, to the application that takes it first (notices.take), and no later than within
// after the update, in pair time: 1 ms to 24 hours. If a command was taken and not confirmed as done (notices.done),
// it is unknown whether it was carried out: application and operator are told, and it is not handed out again. It is
// for named terminals only.
func Fenced(within time.Duration) NoticeOption {
	return func(n *outbox.Notice) { n.Fenced, n.Within = true, within }
}

// Notify sends a notice to terminals when the handler returns without an error. body becomes JSON; nil is {}.
//
// The notice is part of the update: terminals get only what was committed. Each terminal gets the notices of all
// services in the order of the updates, stores them on its disk, and delivers them to applications that subscribe to
// notice.SERVICE.TOPIC. A terminal that is not attached gets them later, for seven days, 10,000 notices or 4 MiB of its
// own, 64 MiB of those to all; notices lost by these bounds are reported to it as a gap. At most 256 notices of an
// update, for 1,024 terminals; the topic has 1 to 64 letters, digits, - and _.
func (t *Tx) Notify(to To, topic string, body any, options ...NoticeOption) {
	if t.readOnly {
		t.fail(ErrReadOnly)
		return
	}
	n := outbox.Notice{To: to.ids, All: to.all, Topic: topic}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.fail(fmt.Errorf("%w: the body on %s: %w", ErrNotice, topic, err))
			return
		}
		n.Body = text
	}
	for _, change := range options {
		change(&n)
	}
	t.notices = append(t.notices, n)
}
