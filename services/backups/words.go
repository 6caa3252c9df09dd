package backups

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/storage/position"
)

// Key is where the Record stands in the pair's own key space.
const Key = "backups"

// ErrInProgress says that a host makes a backup already, or that the place of the one before still holds it.
var ErrInProgress = fault.New("backup-busy", "a backup is being made already")

// What is asked of the process that makes a host's backups, and of the updater, which keeps what is known of them.
var (
	CallMake   = bus.Question[Make, Made](bus.ProcessBackup, "make")
	CallList   = bus.Question[ListQuestion, Shelf](bus.ProcessBackup, "list")
	CallRecord = bus.Question[RecordQuestion, Record](bus.ProcessUpdater, "backups")
	CallNote   = bus.Question[Note, Record](bus.ProcessUpdater, "backups-note")
)

// Make asks for a backup. It is answered when that is made, checked and read back, however long it takes.
type Make struct {
	PairID string `json:"pair_id"`
	// Try wants it restored on trial before it is kept.
	Try bool `json:"try,omitempty"`
	// Last is the name of the last good one, which is not removed.
	Last string `json:"last,omitempty"`
}

// Made is a good backup: whole, proved, and read back from its place as it was written.
type Made struct {
	Name     string            `json:"name"`
	Place    string            `json:"place"` // folder or bucket
	Host     string            `json:"host"`  // that made it, of its own database
	At       time.Time         `json:"at"`    // when it began, on that host's wall clock
	Position position.Position `json:"position"`
	Bytes    int64             `json:"bytes"`  // of the file as it is kept
	SHA256   string            `json:"sha256"` // likewise
	Keys     int64             `json:"keys"`
	Took     time.Duration     `json:"took_ns"`
	// Sealed is the public key that it is encrypted to; empty: it is not.
	Sealed string `json:"sealed,omitempty"`
	// Tried: the archive was restored on trial before it was encrypted and kept.
	Tried bool `json:"tried,omitempty"`
	// Removed is how many old ones were removed, Unremoved why others could not be.
	Removed   int    `json:"removed,omitempty"`
	Unremoved string `json:"unremoved,omitempty"`
}

// Record is what both hosts know of the pair's backups. It is kept in the pair's own key space, so it outlives every takeover and restart. It
// is a form on disk.
type Record struct {
	Since time.Time `json:"since,omitzero"` // when backups began to be wanted; before the first good one ages count from it
	Last  *Made     `json:"last,omitempty"`
	Tried *Made     `json:"tried,omitempty"` // the last one that was restored on trial
}

// Good is when the last good backup was begun, or since when one has been missing.
func (r Record) Good() time.Time {
	if r.Last != nil {
		return r.Last.At
	}
	return r.Since
}

// With gives the record with what is new.
func (r Record) With(n Note) Record {
	if r.Since.IsZero() {
		r.Since = n.Wanted
	}
	if m := n.Made; m != nil {
		if r.Last == nil || !m.At.Before(r.Last.At) || n.Now.Before(r.Last.At) {
			r.Last = m
		}
		if m.Tried && (r.Tried == nil || !m.At.Before(r.Tried.At) || n.Now.Before(r.Tried.At)) {
			r.Tried = m
		}
	}
	return r
}

// RecordQuestion asks for the record.
type RecordQuestion struct{}

// Note tells the updater of the host that serves what is new.
type Note struct {
	Made *Made `json:"made,omitempty"`
	// Wanted is when somebody began to want backups.
	Wanted time.Time `json:"wanted,omitzero"`
	// Now is the wall clock of who tells it: what is known of later is of a clock that was wrong.
	Now time.Time `json:"now"`
}

// ListQuestion asks what there is in the place of a host's backups, of one pair.
type ListQuestion struct {
	PairID string `json:"pair_id"`
}

// Shelf answers it, the newest first.
type Shelf struct {
	Host  string `json:"host"`
	Place string `json:"place"`
	Kept  []Kept `json:"kept"`
	More  int    `json:"more,omitempty"` // that are not in Kept
}

// Kept is one backup in a place, as its name says.
type Kept struct {
	Name   string    `json:"name"`
	Host   string    `json:"host"`
	At     time.Time `json:"at"`
	Bytes  int64     `json:"bytes"`
	Sealed bool      `json:"sealed,omitempty"`
}

// Overview is what is known of the backups that the pair makes by itself.
type Overview struct {
	Upkeep Upkeep `json:"upkeep"`
	Shelf  Shelf  `json:"shelf"` // in the place of the host that was asked
}

// Ordered says who makes a backup now.
type Ordered struct {
	Host string    `json:"host"`
	At   time.Time `json:"at"` // on its wall clock
}

// Claim says whether a host makes one.
type Claim struct {
	InProgress bool `json:"busy"`
}

// Upkeep is how it stands with the pair's backups, as one host knows it.
type Upkeep struct {
	Every time.Duration `json:"every_ns"` // 0: only when somebody says so
	Place string        `json:"place"`    // of this host
	Turn  string        `json:"turn"`     // host that makes the next one; empty: nobody can now
	Due   time.Time     `json:"due,omitzero"`
	Record
	Making *Making  `json:"making,omitempty"` // by this host, now
	Failed *Failure `json:"failed,omitempty"` // the last try of this host, if it failed
	Old    bool     `json:"old,omitempty"`    // no good one for twice as long as there should be one
}

// Making is a backup that is being made.
type Making struct {
	Since time.Time `json:"since"`
}

// Failure is why a host could not make one.
type Failure struct {
	At    time.Time `json:"at"`
	Tries int       `json:"tries"` // that have failed in a row
	Why   string    `json:"why"`
	Again time.Time `json:"again,omitzero"` // when it is tried again
}

// Public is what anybody may know: how old the last good one is, and nothing of where it lies.
func (s *Upkeep) Public() *Upkeep {
	if s == nil {
		return nil
	}
	p := &Upkeep{Every: s.Every, Turn: s.Turn, Due: s.Due, Old: s.Old, Record: Record{Since: s.Since}}
	if s.Last != nil {
		p.Last = &Made{Host: s.Last.Host, At: s.Last.At, Position: s.Last.Position}
	}
	return p
}

// OldAfter is how many intervals may pass without a good backup before that is an alarm: one may fail and be tried again.
const OldAfter = 2

// Age is how old the last good one is; before the first one, how long one has been missing. A clock that was ahead when it was made makes it
// no younger than new.
func (s Upkeep) Age(now time.Time) time.Duration { return max(now.Sub(s.Good()), 0) }

// Sentence says it for people.
func (s Upkeep) Sentence(now time.Time) string {
	text := "none yet"
	if m := s.Last; m != nil {
		text = fmt.Sprintf("last good one %s ago, at %v by %s", s.Age(now).Round(time.Second), m.Position, m.Host)
		if m.Sealed != "" {
			text += ", encrypted"
		}
	}
	if s.Old {
		text = "TOO OLD: " + text
	}
	switch {
	case s.Making != nil:
		text += fmt.Sprintf("; one is being made here since %s", s.Making.Since.UTC().Format(time.TimeOnly))
	case s.Every == 0:
		text += "; only when somebody says so"
	case s.Turn != "":
		text += fmt.Sprintf("; each %s, the next by %s", shortened(s.Every), s.Turn)
	}
	if f := s.Failed; f != nil {
		text += fmt.Sprintf("; the last try here failed (%d in a row): %s", f.Tries, f.Why)
	}
	return text
}

// shortened is a duration as people write it.
func shortened(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
