package wires

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
)

// shownTerminals bounds the terminals that are named: those whose certificates end first. All are counted.
const shownTerminals = 20

// Told is what main sends to the other processes of its host with wires, with each question.
type Told struct {
	// Clocks is the difference of the hosts' wall clocks; zero if unknown.
	Clocks clocks.Difference `json:"clocks"`
	// Reread: read the certificate files again before the answer, instead of soon.
	Reread bool `json:"reread,omitempty"`
}

// What main asks the processes of its host that have wires.
var (
	CallUpdater   = bus.Question[Told, Seen](bus.ProcessUpdater, "wires")
	CallTerminals = bus.Question[Told, Seen](bus.ProcessTerminalInterface, "wires")
)

// Seen is the state of the wires to other machines: of one process, or of all of a host. The JSON names are stable.
type Seen struct {
	// TLS: the wires are TLS, authenticated on both sides.
	TLS bool `json:"tls"`
	// Insecure: they are plain text deliberately (HOTPAIR_INSECURE).
	Insecure bool `json:"insecure,omitempty"`
	// Optional: peers without a certificate are served in plain text (HOTPAIR_TLS_OPTIONAL). Clear counts such
	// connections at present.
	Optional bool `json:"tls_optional,omitempty"`
	Clear    int  `json:"clear,omitempty"`
	// Certificate is the process's own; without a name there is none.
	Certificate identity.State `json:"certificate,omitzero"`
	// Doubt says why the wall clock is in doubt, so that no certificate is refused for its time; empty while it is
	// trusted.
	Doubt string `json:"clock_in_doubt,omitempty"`
	// Peers are the present peers; of terminals those that need a new certificate, at most 20, the first to expire
	// first.
	Peers []OtherEnd `json:"peers,omitempty"`
	// Terminals counts them by the age of their certificates.
	Terminals TerminalEnds `json:"terminals,omitzero"`
	// Doors counts the connections from other machines and the refusals, of each wire that is listened on.
	Doors []door.Stats `json:"doors,omitempty"`
}

// OtherEnd is the peer of a wire.
type OtherEnd struct {
	Name        string               `json:"name"`
	Fingerprint identity.Fingerprint `json:"fingerprint"` // of its key
	NotBefore   time.Time            `json:"not_before"`
	NotAfter    time.Time            `json:"not_after"`
	// Age is the state of its certificate's life by the own clock: early, fresh, due, ending, over.
	Age identity.Age `json:"age"`
}

// TerminalEnds counts connected terminals.
type TerminalEnds struct {
	// Proved counts those with a certificate.
	Proved int `json:"proved"`
	// Due counts those whose certificate has passed two thirds of its life, and should have been renewed.
	Due int `json:"due,omitempty"`
	// Ending counts those whose certificate is in its last tenth, expired, or not yet valid.
	Ending int `json:"ending,omitempty"`
}

// Answer records what main sends and returns the state.
func (w *Wires) Answer(t Told) Seen {
	w.Compared(t.Clocks)
	if t.Reread {
		_ = w.Reread() // what is seen has it
	}
	return w.Seen()
}

// Seen returns the present state of this process.
func (w *Wires) Seen() Seen {
	now := time.Now()
	s := Seen{TLS: w.Sealed(), Insecure: w.insecure, Optional: w.clear, Clear: w.Clear(), Certificate: w.State(), Doors: w.Doors()}
	if s.TLS {
		s.Doubt = w.Doubt()
	}
	for _, p := range w.later.of(w.Peers()) {
		s.add(OtherEnd{p.Name.String(), p.Fingerprint, p.NotBefore, p.NotAfter, identity.AgeOf(p.NotBefore, p.NotAfter, now)}, p.Name.Role)
	}
	s.order()
	return s
}

func (s *Seen) add(p OtherEnd, role identity.Role) {
	if role == identity.RoleTerminal {
		s.Terminals.Proved++
		switch {
		case p.Age.Bad():
			s.Terminals.Ending++
		case p.Age == identity.Due:
			s.Terminals.Due++
		default:
			return
		}
	}
	s.Peers = append(s.Peers, p)
}

// order puts hosts and the witness first, and bounds the terminals.
func (s *Seen) order() {
	terminal := func(p OtherEnd) bool {
		n, err := identity.Parse(p.Name)
		return err == nil && n.Role == identity.RoleTerminal
	}
	slices.SortStableFunc(s.Peers, func(a, b OtherEnd) int {
		if x, y := terminal(a), terminal(b); x != y {
			if y {
				return -1
			}
			return 1
		} else if x {
			return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Name, b.Name))
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.NotAfter.Compare(b.NotAfter))
	})
	if first := slices.IndexFunc(s.Peers, terminal); first >= 0 {
		s.Peers = s.Peers[:min(len(s.Peers), first+shownTerminals)]
	}
}

// Join combines the states of all processes of a host; the first is main. Each reads the certificate files itself: a
// fault of one is a fault of all, with its name.
func Join(own Seen, others map[string]Seen) Seen {
	all := own
	all.Peers, all.Doors = slices.Clone(own.Peers), slices.Clone(own.Doors)
	for _, name := range slices.Sorted(maps.Keys(others)) {
		s := others[name]
		if all.Certificate.Fault == "" && s.Certificate.Fault != "" {
			all.Certificate.Fault, all.Certificate.FaultSince = name+": "+s.Certificate.Fault, s.Certificate.FaultSince
		}
		if all.Doubt == "" {
			all.Doubt = s.Doubt
		}
		for _, p := range s.Peers {
			if !slices.ContainsFunc(all.Peers, func(o OtherEnd) bool {
				return o.Name == p.Name && o.Fingerprint == p.Fingerprint && o.NotAfter.Equal(p.NotAfter)
			}) {
				all.Peers = append(all.Peers, p)
			}
		}
		all.Doors = append(all.Doors, s.Doors...)
		all.Clear += s.Clear
		all.Terminals.Proved += s.Terminals.Proved
		all.Terminals.Due += s.Terminals.Due
		all.Terminals.Ending += s.Terminals.Ending
	}
	all.order()
	return all
}
