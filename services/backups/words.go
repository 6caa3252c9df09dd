package backups

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/storage/position"
)

// Key is the Record's key in the pair's own key space.
const Key = "backups"

// ErrInProgress says that a host is already making a backup, or that the previous one hangs.
var ErrInProgress = fault.New("backup-busy", "a backup is already being made")

// Calls to the process that makes a host's backups, and to the updater, which stores the record.
var (
	CallMake   = bus.Question[Make, Made](bus.ProcessBackup, "make")
	CallList   = bus.Question[ListQuestion, Shelf](bus.ProcessBackup, "list")
	CallRecord = bus.Question[RecordQuestion, Record](bus.ProcessUpdater, "backups")
	CallNote   = bus.Question[Note, Record](bus.ProcessUpdater, "backups-note")
)

// Make asks for a backup. The answer comes when it is made, checked and read back, however long that takes.
type Make struct {
	PairID string `json:"pair_id"`
	// Try asks to restore it on trial before it is stored.
	Try bool `json:"try,omitempty"`
	// Last is the name of the last good backup, which is not removed.
	Last string `json:"last,omitempty"`
}

// Made is a good backup: complete, verified, and read back from its place as written.
type Made struct {
	Name     string            `json:"name"`
	Place    string            `json:"place"` // folder or bucket
	Host     string            `json:"host"`  // host that made it, of its own database
	At       time.Time         `json:"at"`    // when it began, on that host's wall clock
	Position position.Position `json:"position"`
	Bytes    int64             `json:"bytes"`  // of the stored file
	SHA256   string            `json:"sha256"` // likewise
	Keys     int64             `json:"keys"`
	Took     time.Duration     `json:"took_ns"`
	// Sealed is the public key that it is encrypted to; empty if it is not.
	Sealed string `json:"sealed,omitempty"`
	// Tried: the archive was restored on trial before it was encrypted and stored.
	Tried bool `json:"tried,omitempty"`
	// Removed is how many old backups were removed, Unremoved why others could not be.
	Removed   int    `json:"removed,omitempty"`
	Unremoved string `json:"unremoved,omitempty"`
}

// Record is what both hosts know of the pair's backups. It is in the pair's own key space, so it outlives every
// takeover and restart. It is a disk format.
type Record struct {
	Since time.Time `json:"since,omitzero"` // when backups were first configured; before the first good backup ages count from it
	Last  *Made     `json:"last,omitempty"`
	Tried *Made     `json:"tried,omitempty"` // the last backup that was restored on trial
}

// Good is when the last good backup was begun, or since when one has been missing.
func (r Record) Good() time.Time {
	if r.Last != nil {
		return r.Last.At
	}
	return r.Since
}

// With returns the record with news.
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

// Note sends news to the updater of the active host.
type Note struct {
	Made *Made `json:"made,omitempty"`
	// Wanted is when backups were configured.
	Wanted time.Time `json:"wanted,omitzero"`
	// Now is the sender's wall clock: later times in the record come from a wrong clock.
	Now time.Time `json:"now"`
}

// ListQuestion asks for the backups of one pair in a host's place.
type ListQuestion struct {
	PairID string `json:"pair_id"`
}

// Shelf is the answer, the newest first.
type Shelf struct {
	Host  string `json:"host"`
	Place string `json:"place"`
	Kept  []Kept `json:"kept"`
	More  int    `json:"more,omitempty"` // that are not in Kept
}

// Kept is one backup in a place, as its name describes it.
type Kept struct {
	Name   string    `json:"name"`
	Host   string    `json:"host"`
	At     time.Time `json:"at"`
	Bytes  int64     `json:"bytes"`
	Sealed bool      `json:"sealed,omitempty"`
}

// Overview is what is known of the pair's backups.
type Overview struct {
	Upkeep Upkeep `json:"upkeep"`
	Shelf  Shelf  `json:"shelf"` // in the place of the host that was asked
}

// Ordered says which host makes a backup now.
type Ordered struct {
	Host string    `json:"host"`
	At   time.Time `json:"at"` // on its wall clock
}

// Claim says whether a host makes one.
type Claim struct {
	InProgress bool `json:"busy"`
}

// Upkeep is the state of the pair's backups, as one host knows it.
type Upkeep struct {
	Every time.Duration `json:"every_ns"` // 0: only on hotpair backup now
	Place string        `json:"place"`    // of this host
	Turn  string        `json:"turn"`     // host that makes the next one; empty: none can now
	Due   time.Time     `json:"due,omitzero"`
	Record
	Making *Making  `json:"making,omitempty"` // by this host, now
	Failed *Failure `json:"failed,omitempty"` // the last try of this host, if it failed
	Old    bool     `json:"old,omitempty"`    // no good backup for twice the interval
}

// Making is a backup that is being made.
type Making struct {
	Since time.Time `json:"since"`
}

// Failure is why a host could not make one.
type Failure struct {
	At    time.Time `json:"at"`
	Tries int       `json:"tries"` // consecutive failures
	Why   string    `json:"why"`
	Again time.Time `json:"again,omitzero"` // when it is tried again
}

// Public is what every caller may see: the age of the last good backup, but not its place.
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

// OldAfter is how many intervals may pass without a good backup before an alarm: one may fail and be repeated.
const OldAfter = 2

// Age is the age of the last good backup; before the first one, how long one has been missing. If the clock was ahead
// when it was made, it is at least 0.
func (s Upkeep) Age(now time.Time) time.Duration { return max(now.Sub(s.Good()), 0) }

// Sentence describes it for people.
func (s Upkeep) Sentence(now time.Time) string {
	text := "none yet"
	if m := s.Last; m != nil {
		text = fmt.Sprintf("last good backup %s ago, at %v by %s", s.Age(now).Round(time.Second), m.Position, m.Host)
		if m.Sealed != "" {
			text += ", encrypted"
		}
	}
	if s.Old {
		text = "TOO OLD: " + text
	}
	switch {
	case s.Making != nil:
		text += fmt.Sprintf("; being made here since %s", s.Making.Since.UTC().Format(time.TimeOnly))
	case s.Every == 0:
		text += "; only on hotpair backup now"
	case s.Turn != "":
		text += fmt.Sprintf("; every %s, the next by %s", shortened(s.Every), s.Turn)
	}
	if f := s.Failed; f != nil {
		text += fmt.Sprintf("; the last try here failed (%d in a row): %s", f.Tries, f.Why)
	}
	return text
}

// shortened returns a duration as people write it.
func shortened(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
