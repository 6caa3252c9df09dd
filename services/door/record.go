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

// What is refused at a door beside what package identity refuses.
var (
	// ErrCrowded: there was no room for another handshake, or nobody took the connection.
	ErrCrowded = fault.New("door-crowded", "no room at the door")
	// ErrTLS: TLS came to a port for plain text.
	ErrTLS = fault.New("door-tls", "TLS on a port without it")
	// ErrClosed: the door was closed meanwhile.
	ErrClosed = fault.New("door-closed", "the door is closed")
)

// Refusal is somebody who was not let in.
type Refusal struct {
	At time.Time `json:"at"`
	// From is the address, without its port.
	From string `json:"from"`
	// Reason is the code of the sentinel, Sentence what the log says.
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
	// Times is how often in a row that happened, At when last.
	Times uint64 `json:"times"`
}

// Stats are what happened at a door since it was opened.
type Stats struct {
	// Door is its name.
	Door string `json:"door,omitempty"`
	// Came are all connections, Proved those that were let in.
	Came   uint64 `json:"came"`
	Proved uint64 `json:"proved"`
	// Refused are the others, by reason. The reasons are those of packages identity and door.
	Refused map[string]uint64 `json:"refused,omitempty"`
	// HalfOpen are handshakes just now, Open the connections that were let in and are not closed.
	HalfOpen int `json:"half_open"`
	Open     int `json:"open"`
	// Clear are the open ones in plain text, whose other ends have proved nothing.
	Clear int `json:"clear,omitempty"`
	// Last are the last refusals, the newest first.
	Last []Refusal `json:"last,omitempty"`
}

// record counts what happens at a door.
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

// refused notes and logs one that was not let in.
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

// reason is the code of the first sentinel of this package or of identity: a fixed list, whatever strangers send.
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
