package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
)

// Stream is what PathStream answers: server-sent events.
type Stream struct{}

// PathStream is the path of the live state as server-sent events: status, peer, event, point.
const PathStream = "/api/v1/stream"

const (
	// streamLook is how often a stream checks for changes. streamRefresh is how often a status is sent although only
	// ages in it changed; by its absence a reader knows that the stream is not live.
	streamLook    = 100 * time.Millisecond
	streamRefresh = time.Second
	// streamWrite is how long a reader may take for one message; a slower one is disconnected.
	streamWrite = 5 * time.Second
	// maxStreams bounds the concurrent readers, maxStreamsFrom those of one address. Operators who may act have
	// reserved places.
	maxStreams     = 16
	maxStreamsFrom = 12
)

// stream sends the live state until the reader or the host leaves. Each stream reads the state itself: that is cheaper
// than shared bookkeeping of what each reader was sent.
func (h *handler) stream(w http.ResponseWriter, r *http.Request) error {
	leave := h.streams.take(r, person(r).Role.May(operator.Operate))
	if leave == nil {
		return &operator.Problem{Type: operator.ProblemType + "busy", Title: "Too many streams at the same time", Status: http.StatusTooManyRequests, Detail: fmt.Sprintf("at most %d are open, %d of one address; callers with the role operate or admin have reserved places", maxStreams, maxStreamsFrom)}
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	t := &teller{h: h, w: w, flow: http.NewResponseController(w), told: r.Header.Get("Last-Event-ID"), ages: regexp.MustCompile(`"[a-z_]+_ms":-?[0-9.e+]+`)}
	defer t.asking.Wait() // the question ends with the call
	tick := time.NewTicker(streamLook)
	defer tick.Stop()
	proved := time.Now()
	err := t.write("retry: 500\n: " + PathStream + "\n\n")
	for err == nil {
		now := time.Now()
		if now.Sub(proved) >= streamRefresh {
			// Withdrawn, or logged out: then it ends at once.
			if _, err := h.authorize(r, PathStream, operator.View); err != nil {
				return nil
			}
			proved = now
		}
		if err = t.look(r.Context(), now); err != nil {
			break
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return nil
		}
	}
	if !errors.Is(err, errReader) {
		h.log.Warn("a stream ended", "from", r.RemoteAddr, "error", err)
	}
	return nil // what could be answered has been
}

// errReader says that a reader is gone or too slow.
var errReader = errors.New("the reader does not read")

// teller is one stream.
type teller struct {
	h    *handler
	w    http.ResponseWriter
	flow *http.ResponseController

	told       string          // id of the last event that was told
	known      map[string]bool // ids of the events that were there at the last look
	last       string          // what was last told of the status, without ages
	roles      string          // of both hosts, as last seen
	at         time.Time
	points     time.Time
	peer       chan peerAnswer // of the question under way; nil is none
	peerAt     time.Time
	asking     sync.WaitGroup
	peerPoints time.Time // of the last point of the other host that was told
	ages       *regexp.Regexp
}

type peerAnswer struct {
	look operator.Look
	err  error
}

// look sends what is new. The error is errReader, or that of encoding.
func (t *teller) look(ctx context.Context, now time.Time) error {
	s := t.h.host.Status(ctx)
	for _, e := range t.news(s.Events) {
		if err := t.tell("event", eventKey(e), e); err != nil {
			return err
		}
	}
	s.Events = nil
	if present := t.unaged(s); present != t.last || now.Sub(t.at) >= streamRefresh {
		t.last, t.at = present, now
		if err := t.tell("status", "", s); err != nil {
			return err
		}
	}
	for _, p := range t.h.flow.Series(t.points).Points {
		t.points = p.Time
		if err := t.tell("point", "", p); err != nil {
			return err
		}
	}
	// When a role changes, the other host is asked at once: the console must not show for a second that nobody serves.
	if roles := s.Role + s.Peer.Role + strconv.FormatUint(s.Epoch, 10); roles != t.roles {
		t.roles, t.peerAt = roles, time.Time{}
	}
	return t.lookAtPeer(ctx, now)
}

// lookAtPeer sends the other host's view of itself. It is asked concurrently, because it may be frozen.
func (t *teller) lookAtPeer(ctx context.Context, now time.Time) error {
	if t.peer == nil && now.Sub(t.peerAt) >= streamRefresh {
		t.peerAt = now
		answer, after := make(chan peerAnswer, 1), t.peerPoints
		t.peer = answer
		t.asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 2*streamRefresh)
			defer cancel()
			look, err := t.h.flow.PeerLook(ctx, after)
			answer <- peerAnswer{look, err}
		})
	}
	select {
	case a := <-t.peer:
		t.peer = nil
		if a.err != nil {
			return t.tell("peer", "", map[string]string{"error": a.err.Error()})
		}
		for _, p := range a.look.Points {
			t.peerPoints = p.Time
			if err := t.tell("point", "", p); err != nil {
				return err
			}
		}
		a.look.Status.Events = nil
		return t.tell("peer", "", a.look.Status)
	default:
		return nil
	}
}

// news returns the events that were not sent yet. At first those are the ones after the last that the reader has; all,
// if that is not among them. Later each event is tracked by its key: one that reaches the pair's log late changes its
// place.
func (t *teller) news(events []operator.Event) []operator.Event {
	known, fresh := make(map[string]bool, len(events)), []operator.Event{}
	for _, e := range events {
		key := eventKey(e)
		if t.known == nil && key == t.told {
			fresh = fresh[:0] // the reader has all up to here
		} else if !t.known[key] {
			fresh = append(fresh, e)
		}
		known[key] = true
	}
	t.known = known
	return fresh
}

// eventKey identifies an event, the same on both hosts, whatever they learn about it later.
func eventKey(e operator.Event) string {
	sum := fnv.New32a()
	_, _ = fmt.Fprint(sum, e.Host, "\n", e.Step, "\n", e.Text) // never fails
	return strconv.FormatInt(e.Time.UnixNano(), 36) + "-" + strconv.FormatUint(uint64(sum.Sum32()), 36)
}

// unaged returns a status as text, without what changes by mere time: ages, which end in _ms, and since, which is
// counted back from now and jitters.
func (t *teller) unaged(s operator.Status) string {
	s.Time, s.Since = time.Time{}, time.Time{}
	text, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return t.ages.ReplaceAllString(string(text), "")
}

func (t *teller) tell(kind, id string, v any) error {
	data, err := json.Marshal(listed(v))
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	head := "event: " + kind + "\n"
	if id != "" {
		t.told = id
		head += "id: " + id + "\n"
	}
	return t.write(head + "data: " + string(data) + "\n\n")
}

func (t *teller) write(text string) error {
	// A writer without deadlines is a test's.
	_ = t.flow.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := t.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("%w: %w", errReader, err)
	}
	if err := t.flow.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errReader, err)
	}
	return nil
}
