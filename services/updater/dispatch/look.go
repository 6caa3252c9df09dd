package dispatch

import (
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/history"
)

// Known is a target with what it has.
type Known struct {
	Name string
	Target
	Revision        uint64
	Waiting, Parked int
	Bytes           int64
	// Unreadable says why not all of it is known; nil when it is.
	Unreadable error
}

// Targets gives all targets, in the order of their names.
func Targets(r leaving.Reader) (list []Known) {
	for it := range r.Each(history.OutboxSpace, []byte(targets), nil) {
		if it.Revision == 0 {
			continue
		}
		name := string(it.Key[len(targets):])
		if k := Find(r, name); k != nil {
			list = append(list, *k)
		}
	}
	return list
}

// Find gives one target, nil when there is none. One that can't be read is there all the same.
func Find(r leaving.Reader, name string) *Known {
	t, revision, err := read[Target](leaving.Committed{Reader: r}, key(targets, name))
	if revision == 0 {
		return nil
	}
	n, _, counted := read[count](leaving.Committed{Reader: r}, key(counts, name))
	return &Known{Name: name, Target: t, Revision: revision, Waiting: n.Waiting, Parked: n.Parked, Bytes: n.Bytes, Unreadable: errors.Join(err, counted)}
}

// Deferred reports whether nothing may leave, and the epoch of the last release.
func Deferred(r leaving.Reader) (deferred bool, released uint64, err error) {
	starts, released, err := epochs(leaving.Committed{Reader: r})
	return emissions.Deferred(starts, released), released, err
}

// Item is an emission.
type Item struct {
	Target, Lane, Service string
	Number                emissions.Number // its place in the lane
	First                 emissions.Number // who it is
	Body                  []byte
	Bytes                 int   // of the body, also where that is left out
	At                    int64 // counted: since when it may leave, from which its age is
	Wall                  time.Time
	Parked, Blocks        bool
	Why                   string
	// Unreadable says why nothing but target, lane, number and where it stands is known; nil when it is.
	Unreadable error
}

// item makes one of what is stored. released is when what was held was released last: it could not leave before.
func item(g leaving.Getter, target, name string, n emissions.Number, e stored, isParked bool, released int64) (Item, error) {
	it := Item{
		Target: target, Lane: name, Service: e.Service, Number: n, First: n, Body: e.Body, Bytes: len(e.Body), At: max(e.At, released), Wall: time.Unix(0, e.Wall),
		Parked: isParked, Why: e.Why,
	}
	if e.First != (emissions.Number{}) {
		it.First = e.First
	}
	if isParked {
		l, _, err := read[lane](g, key(lanes, where(target, name)))
		if err != nil {
			return it, err
		}
		it.Blocks = l.Blocked == n
	}
	return it, nil
}

// Lanes gives lanes of a target that have something to send, or those that are blocked, behind a lane, in the order of their names. next is
// the last lane that was looked at, "" when that was all.
func Lanes(r leaving.Reader, target string, isBlocked bool, after string, most int) (list []string, next string) {
	under := ready
	if isBlocked {
		under = blocked
	}
	prefix := key(under, target+"/")
	var from []byte
	if after != "" {
		from = key(under, where(target, after))
	}
	walked, last := 0, after
	for it := range r.Each(history.OutboxSpace, prefix, from) {
		if walked++; walked > leaving.MostWalked || len(list) >= most {
			return list, last
		}
		if last = string(it.Key[len(prefix):]); it.Revision != 0 {
			list = append(list, last)
		}
	}
	return list, ""
}

// Head gives what stands at the head of a lane: what blocks it, or else what waits first; nil when that is nothing.
func Head(r leaving.Reader, target, name string) (*Item, error) {
	l, _, err := read[lane](leaving.Committed{Reader: r}, key(lanes, where(target, name)))
	switch {
	case err != nil || l.Waiting == 0 && !l.blocks():
		return nil, err
	case l.blocks():
		it, err := One(r, target, name, l.Blocked)
		if err == nil && it != nil && it.Unreadable != nil {
			return nil, it.Unreadable
		}
		if err == nil && it == nil {
			err = fmt.Errorf("%w: the lane %s of %s is marked blocked without a reason", bus.ErrMalformed, name, target)
		}
		return it, err
	}
	for it := range r.Each(history.OutboxSpace, append(key(queue, where(target, name)), '/'), nil) {
		if it.Revision != 0 { // else it is gone, and that is not applied yet
			released, err := releasedSince(r)
			if err != nil {
				return nil, err
			}
			one, err := decode(leaving.Committed{Reader: r}, queue, it.Key, it.Value, it.Err, released)
			return &one, err
		}
	}
	return nil, fmt.Errorf("%w: %d emissions wait in the lane %s of %s, but none is stored", bus.ErrMalformed, l.Waiting, name, target)
}

// One gives one emission, parked or not; nil when it is not there.
func One(r leaving.Reader, target, name string, n emissions.Number) (*Item, error) {
	released, err := releasedSince(r)
	if err != nil {
		return nil, err
	}
	for _, under := range []string{queue, parked} {
		e, revision, err := read[stored](leaving.Committed{Reader: r}, entryKey(under, target, name, n))
		if revision == 0 {
			continue
		}
		it := Item{Target: target, Lane: name, Number: n}
		if err == nil {
			it, err = item(leaving.Committed{Reader: r}, target, name, n, e, under == parked, released)
		}
		if err != nil {
			it = unread(it, under == parked, err)
		}
		return &it, nil
	}
	return nil, nil
}

// unread is what is known of an emission that can't be read.
func unread(it Item, isParked bool, why error) Item {
	return Item{
		Target: it.Target, Lane: it.Lane, Number: it.Number, First: it.Number, Parked: isParked, Unreadable: why,
		Why: "it can't be read, so it is not sent: " + why.Error(),
	}
}

// List gives emissions that are parked or that wait, of a target and a lane of it or of all when they are empty, from behind a place on. next
// is the place of the last one that was looked at, nil when that was all. Bodies are left out, but for their length.
func List(r leaving.Reader, isParked bool, target, name string, after []byte, most int) (list []Item, next []byte, err error) {
	under := queue
	if isParked {
		under = parked
	}
	prefix := []byte(under)
	if target != "" {
		prefix = append(prefix, target+"/"...)
		if name != "" {
			prefix = append(prefix, name+"/"...)
		}
	}
	var from []byte
	if len(after) > 0 {
		from = append([]byte(under), after...)
	}
	released, err := releasedSince(r)
	if err != nil {
		return nil, nil, err
	}
	walked := 0
	var last []byte
	for it := range r.Each(history.OutboxSpace, prefix, from) {
		if walked++; walked > leaving.MostWalked || len(list) >= most {
			return list, last, nil
		}
		last = append([]byte{}, it.Key[len(under):]...)
		if it.Revision == 0 {
			continue
		}
		one, err := decode(leaving.Committed{Reader: r}, under, it.Key, it.Value, it.Err, released)
		if err != nil { // the others are there all the same
			if one.Target, one.Lane, one.Number, _ = split(under, it.Key); one.Target == "" {
				continue
			}
			one = unread(one, isParked, err)
		}
		one.Body = nil // a thousand of them may be more than memory has to spare
		list = append(list, one)
	}
	return list, nil, nil
}

// releasedSince is when what was held was released last, as time is counted; 0: never.
func releasedSince(r leaving.Reader) (int64, error) {
	released, _, err := read[release](leaving.Committed{Reader: r}, []byte(releasedAt))
	return released.Counted, err
}

func decode(g leaving.Getter, under string, k, value []byte, damaged error, released int64) (Item, error) {
	target, name, n, err := split(under, k)
	if err != nil {
		return Item{}, err
	}
	var e stored
	if err = damaged; err == nil {
		err = bus.Decode(value, &e)
	}
	if err != nil {
		return Item{}, fmt.Errorf("emission %v in the lane %s of %s: %w", n, name, target, err)
	}
	return item(g, target, name, n, e, under == parked, released)
}
