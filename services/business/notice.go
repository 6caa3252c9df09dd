package business

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus/outbox"
)

// ErrNotice says that a handler told something that can't be told. A mistake of the service: the request is answered with 500.
var ErrNotice = errors.New("not a notice")

// To are the terminals that a notice is for.
type To struct {
	ids []string
	all bool
}

// Terminals are those with these ids. One that is none of the pair's refuses the update: the request is answered with 404.
func Terminals(ids ...string) To { return To{ids: ids} }

// AllTerminals are all, also those that are not attached now; one that is added later is not told.
func AllTerminals() To { return To{all: true} }

// NoticeOption changes how something is told.
type NoticeOption func(*outbox.Notice)

// Fenced makes a command of a notice: for what moves something in the world, like a gate, and must not be carried out twice. A terminal hands
// it out at most once, to the application that takes it first (notices.take), and no later than within after the update, in time of the pair:
// 1 ms to 24 hours. Of a command that was taken and not said to be done (notices.done) nobody knows whether it was carried out: application
// and operator are told, and it is not handed out again. It is for named terminals only.
func Fenced(within time.Duration) NoticeOption {
	return func(n *outbox.Notice) { n.Fenced, n.Within = true, within }
}

// Notify tells terminals something when the handler returns without an error. body becomes JSON; nil is {}.
//
// It is a part of the update: no terminal is told of what was not committed. Each terminal gets the notices of all services in the order
// of the updates, stores them on its disk, and gives them to applications that have subscribed to notice.SERVICE.TOPIC. One that is not
// attached gets them later, for seven days, 10,000 notices or 4 MiB of its own, 64 MiB of those to all; what it misses by that it is told
// as a gap. At most 256 notices of an update, for 1,024 terminals; the topic has 1 to 64 letters, digits, - and _.
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
