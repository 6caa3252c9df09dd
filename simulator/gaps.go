package simulator

import (
	"cmp"
	"slices"
	"time"
)

// A gap is the longest time without an acknowledgement while at least one request waited: the outage that users
// notice. Time without requests does not count.

// gap is one of them.
type gap struct {
	from, to time.Time
	terminal int // index; everywhere when no terminal got an acknowledgement
}

// everywhere stands for all terminals together.
const everywhere = -1

func (g gap) length() time.Duration { return g.to.Sub(g.from) }

const (
	// noticeable is the shortest gap that is kept: shorter ones are ordinary latencies.
	noticeable = 2 * time.Millisecond
	// mostGaps bounds the gaps kept by each tracker; beyond it only those as long as remarkable are kept.
	mostGaps   = 20000
	remarkable = 20 * time.Millisecond
)

// tracker finds the gaps of one terminal, or of all together.
type tracker struct {
	terminal int
	waiting  int
	since    time.Time // of the last acknowledgement, or when the first of those that wait was sent
	gaps     []gap
}

func (t *tracker) begin(at time.Time) {
	if t.waiting == 0 {
		t.since = at
	}
	t.waiting++
}

func (t *tracker) end(at time.Time, acknowledged bool) {
	t.waiting--
	if !acknowledged {
		return
	}
	if g := (gap{t.since, at, t.terminal}); g.length() >= remarkable || g.length() >= noticeable && len(t.gaps) < mostGaps {
		t.gaps = append(t.gaps, g)
	}
	t.since = at
}

// takeover is the first acknowledgement in a new epoch.
type takeover struct {
	epoch uint64
	at    time.Time
}

// Interruption is a time in which terminals got no acknowledgements.
type Interruption struct {
	At        time.Time     `json:"at"`              // when the longest gap of it began
	Epoch     uint64        `json:"epoch,omitempty"` // of the term that ended it, if it was a takeover
	Gap       time.Duration `json:"gap_ns"`          // no terminal got any
	Worst     time.Duration `json:"worst_ns"`        // longest of a single terminal
	Terminals int           `json:"terminals"`       // how many had a gap in it
	Terminal  string        `json:"worst_id"`        // the one with the longest
}

// felt is the longest gap of any terminal.
func (i Interruption) felt() time.Duration { return max(i.Gap, i.Worst) }

// interruptions merges overlapping gaps of all terminals, and keeps those of at least threshold at some terminal.
func interruptions(gaps []gap, threshold time.Duration, name func(int) string) []Interruption {
	gaps = slices.Clone(gaps)
	gaps = slices.DeleteFunc(gaps, func(g gap) bool { return g.length() < threshold })
	slices.SortFunc(gaps, func(a, b gap) int { return a.from.Compare(b.from) })
	var list []Interruption
	var until time.Time
	seen := map[int]bool{}
	for _, g := range gaps {
		if len(list) == 0 || g.from.After(until) {
			list = append(list, Interruption{At: g.from})
			clear(seen)
			until = g.to
		}
		last := &list[len(list)-1]
		if g.to.After(until) {
			until = g.to
		}
		last.take(g, name)
		if g.terminal != everywhere && !seen[g.terminal] {
			seen[g.terminal] = true
			last.Terminals++
		}
	}
	return list
}

func (i *Interruption) take(g gap, name func(int) string) {
	if g.terminal == everywhere {
		i.Gap = max(i.Gap, g.length())
		return
	}
	if g.length() > i.Worst {
		i.Worst, i.Terminal, i.At = g.length(), name(g.terminal), g.from
	}
}

// nearTakeover is how far from the first acknowledgement of a new epoch a gap may end to belong to that takeover:
// terminals are attached one after the other, and reads, which carry no epoch, may be answered before.
const nearTakeover = time.Second

// takeovers returns the gaps of each takeover, even if they were too short to list.
func takeovers(seen []takeover, gaps []gap, name func(int) string) []Interruption {
	var list []Interruption
	for _, t := range seen {
		i := Interruption{At: t.at, Epoch: t.epoch}
		terminals := map[int]bool{}
		for _, g := range gaps {
			if g.to.Before(t.at.Add(-nearTakeover)) || g.from.After(t.at) || g.to.After(t.at.Add(nearTakeover)) {
				continue
			}
			if g.terminal != everywhere {
				terminals[g.terminal] = true
			}
			i.take(g, name)
		}
		i.Terminals = len(terminals)
		list = append(list, i)
	}
	return list
}

// longest sorts interruptions by their longest gap and keeps the first few, again in order of time.
func longest(list []Interruption, most int) []Interruption {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Interruption) int { return cmp.Compare(b.felt(), a.felt()) })
	list = list[:min(len(list), most)]
	slices.SortFunc(list, func(a, b Interruption) int { return a.At.Compare(b.At) })
	return list
}
