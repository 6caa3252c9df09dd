package schedule

import (
	"bytes"
	"fmt"
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
	// DeferredCounted and DeferredWall: a timer of that clock may be due, and with it all behind it, and the clock is in doubt.
	DeferredCounted, DeferredWall bool
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
	for it := range r.Each(history.OutboxSpace, orderPrefix(c), *place) {
		if walked++; walked > leaving.MostWalked || found >= most || bytesFound > mostBytes {
			return true
		}
		key := bytes.Clone(it.Key)
		if it.Revision == 0 { // deleted, and not applied yet
			*place = key
			continue
		}
		run, err := judge(r, c, key, t)
		if err == nil && it.Err != nil && !bytes.Equal(key, orderKey(&run.Entry)) {
			err = it.Err // else the timer itself says that it stands here
		}
		if err != nil { // it stays where it is, and holds up no other
			if *place = key; l.Unreadable == "" {
				l.Unreadable = err.Error()
			}
			continue
		}
		if run.Verdict == timers.Deferred {
			l.DeferredCounted, l.DeferredWall = l.DeferredCounted || c == counted, l.DeferredWall || c == wall
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
	it, err := read(leaving.Committed{Reader: r}, name)
	if err == nil && it == nil {
		err = fmt.Errorf("%w: timer %s is in the order, but not stored", bus.ErrMalformed, name)
	}
	if err != nil {
		return Run{}, err
	}
	v, late := it.Judge(t)
	return Run{*it, v, late}, nil
}

// Find gives one timer, nil when there is none. One that can't be read has nothing but its name, revision and why.
func Find(r leaving.Reader, service, key string) *Item {
	id := name(service, key)
	if it, err := read(leaving.Committed{Reader: r}, id); err != nil || it != nil {
		return shown(r, id, it, err)
	}
	if _, revision, _ := r.Look(history.OutboxSpace, parkedKey(id)); revision != 0 {
		return shown(r, id, nil, nil)
	}
	return nil
}

// shown is a timer as it was read, or what is known of one that can't be.
func shown(r leaving.Reader, id string, it *Item, err error) *Item {
	if err == nil && it != nil {
		return it
	}
	if err == nil {
		err = fmt.Errorf("%w: timer %s is parked, but not stored", bus.ErrMalformed, id)
	}
	it = &Item{Unreadable: err, Why: "it can't be read, so it is not run: " + err.Error()}
	it.Service, it.Key, _ = split(id)
	_, it.Revision, _ = r.Look(history.OutboxSpace, entryKey(id))
	return it
}

// mostPlaces bounds the places of one timer, which has one.
const mostPlaces = 16

// Places looks where a timer stands in the order of each clock, from a place on, for one that can't be read. rest is where to go on; nil: that
// was all.
func Places(r leaving.Reader, service, key string, from Place) (found [][]byte, rest *Place) {
	id, walked := name(service, key), 0
	for _, c := range []clock{counted, wall} {
		for it := range r.Each(history.OutboxSpace, orderPrefix(c), *from.at(c)) {
			if walked++; walked > leaving.MostWalked {
				return found, &from
			}
			if *from.at(c) = bytes.Clone(it.Key); it.Revision != 0 && isPlace(it.Key, id) && len(found) < mostPlaces {
				found = append(found, bytes.Clone(it.Key))
			}
		}
		*from.at(c) = end(c)
	}
	return found, nil
}

// isPlace reports whether a key is a place in an order, of a timer.
func isPlace(key []byte, id string) bool {
	for _, c := range []clock{counted, wall} {
		if _, name, err := ordered(c, key); err == nil && name == id && bytes.HasPrefix(key, orderPrefix(c)) {
			return true
		}
	}
	return false
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
	for it := range r.Each(history.OutboxSpace, under, from) {
		if walked++; len(list) == most || walked > leaving.MostWalked {
			return list, last, nil
		}
		last = string(it.Key[len(prefix):])
		if it.Revision == 0 {
			continue
		}
		one, err := read(leaving.Committed{Reader: r}, last)
		list = append(list, *shown(r, last, one, err)) // of one that can't be read the others are there all the same
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
	for it := range r.Each(history.OutboxSpace, []byte(counts), nil) {
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
	value, revision, err := r.Look(history.OutboxSpace, []byte(stampAt))
	if err != nil || revision == 0 {
		return timers.Stamp{}, revision, err
	}
	s, err := decodeStamp(value)
	return s, revision, err
}
