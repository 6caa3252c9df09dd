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
	// mostHeard is how many terminals besides the first one are listened to.
	mostHeard = 15
	// apart is how much later than another terminal the first one may get the same notice.
	apart = 300 * time.Millisecond
	// mostSeen and mostWaiting bound the remembered ids, and the waiting notices.
	mostSeen    = 4096
	mostWaiting = 1024
)

// notices shows the notices of terminals: all of the first one, at which the prompt is, and of the others those for
// them alone.
type notices struct {
	screen  *screen
	waiting chan waitingNotice

	mu    sync.Mutex
	seen  map[string]bool // ids of the first terminal's notices
	order []string        // of seen, the oldest first
}

// waitingNotice waits until it is clear that the first terminal does not get the same.
type waitingNotice struct {
	terminal, subject, id, text string
	due                         time.Time
}

func newNotices(s *screen) *notices {
	return &notices{screen: s, waiting: make(chan waitingNotice, mostWaiting), seen: map[string]bool{}}
}

// first handles a notice of the first terminal.
func (n *notices) first(subject string, data []byte) {
	text, id := told(data)
	n.note(id)
	n.show("", subject, text)
}

// other handles a notice of another terminal. If too many wait, it is dropped: it is only for display.
func (n *notices) other(terminal, subject string, data []byte) {
	text, id := told(data)
	select {
	case n.waiting <- waitingNotice{terminal, subject, id, text, time.Now().Add(apart)}:
	default:
	}
}

// run shows waiting notices that are for other terminals alone, until ctx ends.
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

// told returns the text of a notice, and its id.
func told(data []byte) (text, id string) {
	var t notice.Told
	if err := json.Unmarshal(data, &t); err != nil || len(t.Body) == 0 {
		return string(data), t.ID
	}
	return string(t.Body), t.ID
}
