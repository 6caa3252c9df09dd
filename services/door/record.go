package door

import (
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/fault"
)

// lastRefusals is how many of them are kept to be shown.
const lastRefusals = 16

// Refusals of a listener besides those of package identity.
var (
	// ErrCrowded: there was no room for another handshake, or the connection was not accepted in time.
	ErrCrowded = fault.New("door-crowded", "too many connections")
	// ErrTLS: TLS was received on a plain-text port.
	ErrTLS = fault.New("door-tls", "TLS on a plain-text port")
	// ErrClosed: the listener was closed.
	ErrClosed = fault.New("door-closed", "the listener is closed")
)

// Refusal is a refused connection.
type Refusal struct {
	At time.Time `json:"at"`
	// From is the address, without its port.
	From string `json:"from"`
	// Reason is the code of the sentinel, Sentence the text in the log.
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
	// Times is how often in a row it happened, At when last.
	Times uint64 `json:"times"`
}

// Stats are the counts of a listener since it was opened.
type Stats struct {
	// Door is its name.
	Door string `json:"door,omitempty"`
	// Came counts all connections, Proved those that were accepted.
	Came   uint64 `json:"came"`
	Proved uint64 `json:"proved"`
	// Refused counts the others, by reason. The reasons are those of packages identity and door.
	Refused map[string]uint64 `json:"refused,omitempty"`
	// HalfOpen counts present handshakes, Open the accepted connections that are not closed.
	HalfOpen int `json:"half_open"`
	Open     int `json:"open"`
	// Clear counts the open plain-text connections, whose peers are not authenticated.
	Clear int `json:"clear,omitempty"`
	// Last are the last refusals, the newest first.
	Last []Refusal `json:"last,omitempty"`
}

// record counts the events of a listener.
type record struct {
	door   string
	logger *slog.Logger

	mu    sync.Mutex
	stats Stats
}

func newRecord(door string, logger *slog.Logger) *record {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &record{door: door, logger: logger, stats: Stats{Door: door, Refused: map[string]uint64{}}}
}

func (r *record) came() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Came++
}

func (r *record) proved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Proved++
}

// refused records and logs a refused connection.
func (r *record) refused(from net.Addr, err error) {
	host, _, split := net.SplitHostPort(from.String())
	if split != nil {
		host = from.String()
	}
	now := Refusal{At: time.Now(), From: host, Reason: reason(err), Sentence: fault.Text(err), Times: 1}
	r.logger.Warn("connection refused", "door", r.door, "from", host, "reason", now.Reason, "error", now.Sentence)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Refused[now.Reason]++
	same := func(o Refusal) bool { return o.From == now.From && o.Sentence == now.Sentence }
	if i := slices.IndexFunc(r.stats.Last, same); i >= 0 {
		now.Times += r.stats.Last[i].Times
		r.stats.Last = slices.Delete(r.stats.Last, i, i+1)
	}
	r.stats.Last = slices.Insert(r.stats.Last, 0, now)
	r.stats.Last = r.stats.Last[:min(len(r.stats.Last), lastRefusals)]
}

// reason is the code of the first sentinel of this package or of identity: a fixed list, whatever peers send.
func reason(err error) string {
	for _, code := range fault.Codes(err) {
		if strings.HasPrefix(code, "identity-") || strings.HasPrefix(code, "door-") {
			return code
		}
	}
	return fault.Other
}

func (r *record) now() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Refused, s.Last = maps.Clone(s.Refused), slices.Clone(s.Last)
	return s
}
