package schedule

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"

	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/history"
)

// Place is how far a look has come in the order of each clock. The zero Place is the beginning.
type Place struct {
	Counted []byte `cbor:"1,keyasint,omitempty"`
	Wall    []byte `cbor:"2,keyasint,omitempty"`
}

// at is the place in the order of a clock.
func (p *Place) at(c clock) *[]byte {
	if c == wall {
		return &p.Wall
	}
	return &p.Counted
}

// Run is a timer with what is to be done about it, and how late it is.
type Run struct {
	Item
	Verdict timers.Verdict
	Late    time.Duration
}

// Look is what is due.
type Look struct {
	Runs []Run // with the verdicts Due and Skipped
	// HeldCounted and HeldWall: a timer of that clock may be due, and with it all behind it, and the clock is in doubt.
	HeldCounted, HeldWall bool
	// Unreadable says why some can't be run, "" when all can: the first one that can't be read.
	Unreadable string
	// Next is how long there is nothing else to be done; 0 when that is not known, because no further timer is kept by a clock that goes on.
	Next time.Duration
	// Rest is where to go on; nil when this is all.
	Rest *Place
}

const (
	// mostBytes bounds the bodies of one look, in bytes, but for one more.
	mostBytes = 1 << 20
)

// Due looks for timers that are to be run or dropped, from a place on, at most as many as that of each clock.
func Due(r leaving.Reader, t timers.Time, from Place, most int) (l Look) {
	rest := from
	for _, c := range []clock{counted, wall} {
		if more := l.look(r, c, t, rest.at(c), most); more {
			l.Rest = &rest
		} else {
			*rest.at(c) = end(c)
		}
	}
	return l
}

// end is behind all places in the order of a clock.
func end(c clock) []byte { return append(orderPrefix(c), 0xff) }

// look goes through the order of one clock from a place on, which it moves. more: it was broken off.
func (l *Look) look(r leaving.Reader, c clock, t timers.Time, place *[]byte, most int) (more bool) {
	walked, found, bytesFound := 0, 0, 0
	for it := range r.Walk(history.OutboxSpace, orderPrefix(c), *place) {
		if walked++; walked > leaving.MostWalked || found >= most || bytesFound > mostBytes {
			return true
		}
		key := bytes.Clone(it.Key)
		if it.Revision == 0 { // deleted, and not applied yet
			*place = key
			continue
		}
		run, err := judge(r, c, key, t)
		if err != nil { // it stays where it is, and holds up no other
			if *place = key; l.Unreadable == "" {
				l.Unreadable = err.Error()
			}
			continue
		}
		if run.Verdict == timers.Held {
			l.HeldCounted, l.HeldWall = l.HeldCounted || c == counted, l.HeldWall || c == wall
			return false
		}
		if run.Verdict == timers.Waits {
			if in := -run.Late; l.Next == 0 || in < l.Next {
				l.Next = max(in, 1)
			}
			if *place = key; run.Doubted { // it is due later than its place says
				continue
			}
			return false
		}
		*place = key
		l.Runs = append(l.Runs, run)
		found++
		bytesFound += len(run.Body)
	}
	return false
}

func judge(r leaving.Reader, c clock, key []byte, t timers.Time) (Run, error) {
	_, name, err := ordered(c, key)
	if err != nil {
		return Run{}, err
	}
	value, revision, ok := r.Get(history.OutboxSpace, entryKey(name))
	if !ok {
		return Run{}, fmt.Errorf("%w: timer %s is in the order and not kept", bus.ErrMalformed, name)
	}
	it, err := decode(name, value, revision)
	if err != nil {
		return Run{}, err
	}
	v, late := it.Judge(t)
	return Run{*it, v, late}, nil
}

// Find gives one timer, nil when there is none.
func Find(r leaving.Reader, service, key string) (*Item, error) {
	value, revision, ok := r.Get(history.OutboxSpace, entryKey(name(service, key)))
	if !ok {
		return nil, nil
	}
	return decode(name(service, key), value, revision)
}

// List gives timers of a service, or of all when it is empty, from behind one on, in the order of their names. onlyParked leaves out
// the others. after and next name the last one that was looked at: service, slash, key; next is empty when that was the last of all.
func List(r leaving.Reader, service, after string, onlyParked bool, most int) (list []Item, next string, err error) {
	prefix := []byte(entries)
	if onlyParked {
		prefix = []byte(parked)
	}
	var from []byte
	if after != "" {
		from = append(bytes.Clone(prefix), after...)
	}
	under := bytes.Clone(prefix)
	if service != "" {
		under = append(under, service+"/"...)
	}
	walked, last := 0, ""
	for it := range r.Walk(history.OutboxSpace, under, from) {
		if walked++; len(list) == most || walked > leaving.MostWalked {
			return list, last, nil
		}
		last = string(it.Key[len(prefix):])
		if it.Revision == 0 {
			continue
		}
		value, revision, _ := r.Get(history.OutboxSpace, entryKey(last))
		one, err := decode(last, value, revision)
		if err != nil { // the others are there all the same
			one = &Item{Why: "it can't be read, and is not run: " + err.Error()}
			one.Service, one.Key, _ = strings.Cut(last, "/")
			one.Revision = revision
		}
		list = append(list, *one)
	}
	return list, "", nil
}

// Count is what a service has.
type Count struct {
	Service        string
	Timers, Parked int
}

// Counts gives what each service has that has timers. The error is that of those that can't be read.
func Counts(r leaving.Reader) (list []Count, err error) {
	for it := range r.Walk(history.OutboxSpace, []byte(counts), nil) {
		if it.Revision == 0 {
			continue
		}
		service := string(it.Key[len(counts):])
		n, one := countOf(leaving.Committed{Reader: r}, service)
		if one != nil {
			err = one
			continue
		}
		list = append(list, Count{service, n.Timers, n.Parked})
	}
	return list, err
}

// StampOf gives the time as the last change of a timer noted it, with its revision; the zero one when there was none.
func StampOf(r leaving.Reader) (timers.Stamp, uint64, error) {
	value, revision, ok := r.Get(history.OutboxSpace, []byte(stampAt))
	if !ok {
		return timers.Stamp{}, 0, nil
	}
	s, err := decodeStamp(value)
	return s, revision, err
}
