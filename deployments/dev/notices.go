package dev

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// mostHeard is how many terminals are listened to beside the first one.
	mostHeard = 15
	// apart is how much later than another terminal the first one may be told the same.
	apart = 300 * time.Millisecond
	// mostSeen and mostWaiting bound the ids that are remembered, and the notices that wait.
	mostSeen    = 4096
	mostWaiting = 1024
)

// notices shows what terminals are told: everything that the first one is, at which the prompt is, and of the others what is for them alone.
type notices struct {
	screen  *screen
	waiting chan waitingNotice

	mu    sync.Mutex
	seen  map[string]bool // ids of what the first terminal was told
	order []string        // of seen, the oldest first
}

// waitingNotice waits until it is clear that the first terminal is not told the same.
type waitingNotice struct {
	terminal, subject, id, text string
	due                         time.Time
}

func newNotices(s *screen) *notices {
	return &notices{screen: s, waiting: make(chan waitingNotice, mostWaiting), seen: map[string]bool{}}
}

// first takes what the first terminal is told.
func (n *notices) first(subject string, data []byte) {
	text, id := told(data)
	n.note(id)
	n.show("", subject, text)
}

// other takes what another terminal is told. When too many wait at once it is lost: it is shown only.
func (n *notices) other(terminal, subject string, data []byte) {
	text, id := told(data)
	select {
	case n.waiting <- waitingNotice{terminal, subject, id, text, time.Now().Add(apart)}:
	default:
	}
}

// run shows what was held and is for others alone, until ctx ends.
func (n *notices) run(ctx context.Context) {
	for {
		select {
		case h := <-n.waiting:
			if pace.Rest(ctx, time.Until(h.due)) != nil {
				return
			}
			if !n.was(h.id) {
				n.show(h.terminal, h.subject, h.text)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (n *notices) show(terminal, subject, text string) {
	what := "notice   "
	if terminal != "" {
		what = "notice at " + terminal + " alone: "
	}
	n.screen.line(what + printable(strings.TrimPrefix(subject, "notice.")+" "+text))
}

func (n *notices) note(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id == "" || n.seen[id] {
		return
	}
	n.seen[id], n.order = true, append(n.order, id)
	if len(n.order) > mostSeen {
		delete(n.seen, n.order[0])
		n.order = n.order[1:]
	}
}

func (n *notices) was(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[id]
}

// told is what a notice says, and its id.
func told(data []byte) (text, id string) {
	var t notice.Told
	if err := json.Unmarshal(data, &t); err != nil || len(t.Body) == 0 {
		return string(data), t.ID
	}
	return string(t.Body), t.ID
}
