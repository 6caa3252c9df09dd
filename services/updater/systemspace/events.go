package systemspace

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
)

const (
	// recordTries is how often it is worked out again because an earlier order, given up meanwhile, came first.
	recordTries = 8
	// recordTrims bounds how many old events one update takes away beside those it adds.
	recordTrims = 1000
	// maxSources bounds how many mains (each start of main is another) are remembered with the last number that came
	// from them; those that sent nothing for longest go first.
	maxSources = 512
)

// errEvents says that what is stored as the event log can't be read.
var errEvents = errors.New("the event log is damaged")

// eventsHead is the value under bus.SystemEvents. It changes with each update of the log, so its revision is the
// condition under which the next one fits.
type eventsHead struct {
	First uint64 `json:"first"` // oldest number kept
	Next  uint64 `json:"next"`  // number of the next event
}

// eventSource is how far the log holds the events of one main.
type eventSource struct {
	Number uint64 `json:"number"` // highest
	ID     uint64 `json:"id"`     // its number in the log
}

func eventKey(id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(bus.SystemEvents+"/log/"), id)
}

const sourcePrefix = bus.SystemEvents + "/from/"

func sourceKey(host string, incarnation uint64) []byte {
	return []byte(sourcePrefix + host + "/" + strconv.FormatUint(incarnation, 16))
}

const alarmPrefix = bus.SystemAlarms + "/"

// record answers bus.RecordEvents: one update like any other, in the pair's own key space. What is in the log already
// is passed over in the same update, so it is no matter how often, and by which host, an event is sent.
func (s *Space) record(ctx context.Context, q bus.RecordEvents) (bus.RecordedEvents, error) {
	if len(q.Events) > bus.MaxEvents {
		return bus.RecordedEvents{}, fmt.Errorf("%w: %d events at once, at most %d", bus.ErrRefused, len(q.Events), bus.MaxEvents)
	}
	var plan eventsPlan
	err := s.Change(ctx, Change{What: "the event log", Head: bus.SystemEvents, Turn: s.records, Tries: recordTries},
		func() ([]bus.Operation, uint64, error) {
			err := s.store.View(func(r *storage.Reader) (err error) {
				plan, err = planEvents(r, q.Events, s.eventsMost)
				return err
			})
			return plan.operations, plan.revision, err
		})
	if err != nil {
		return bus.RecordedEvents{}, err
	}
	if len(plan.operations) > 0 { // else all was there
		s.committer.Beat()
	}
	return bus.RecordedEvents{Last: plan.last}, nil
}

// keys reads one of the pair's own keys. *storage.Reader is one.
type keys interface {
	Get(space string, key []byte) (value []byte, revision uint64, ok bool)
	Scan(space string, prefix, after []byte, limit, maxBytes int) (items []storage.Item, more bool)
}

// eventsPlan is what an order to record changes; nothing when all is in the log already.
type eventsPlan struct {
	operations []bus.Operation
	revision   uint64 // of the head it was worked out from
	last       uint64 // newest number afterwards
}

// planEvents works out what events do to the log as it stands. Those that no log can hold are dropped: they would stand
// in the way of all behind them.
func planEvents(r keys, events []bus.Event, most uint64) (plan eventsPlan, err error) {
	head, revision, err := readEventsHead(r)
	if err != nil {
		return plan, err
	}
	plan.revision = revision
	sources, moved := map[string]eventSource{}, map[string]bool{}
	for _, e := range events {
		if e.Check() != nil {
			continue
		}
		name := string(sourceKey(e.Host, e.Incarnation))
		source, read := sources[name]
		if !read {
			if source, err = readSource(r, name); err != nil {
				return plan, err
			}
		}
		sources[name] = source
		if e.Number <= source.Number {
			continue
		}
		e.ID = head.Next
		head.Next++
		if plan.operations, err = putJSON(plan.operations, eventKey(e.ID), e); err != nil {
			return plan, err
		}
		if plan.operations, err = planAlarm(r, plan.operations, e); err != nil {
			return plan, err
		}
		sources[name], moved[name] = eventSource{Number: e.Number, ID: e.ID}, true
	}
	plan.last = head.Next - 1
	if len(moved) == 0 {
		return plan, nil
	}
	fresh := false
	for _, name := range slices.Sorted(maps.Keys(moved)) {
		_, revision, _ := r.Get(bus.SystemSpace, []byte(name))
		fresh = fresh || revision == 0
		if plan.operations, err = putJSON(plan.operations, []byte(name), sources[name]); err != nil {
			return plan, err
		}
	}
	if fresh {
		if plan.operations, err = forgetSources(r, plan.operations, moved); err != nil {
			return plan, err
		}
	}
	for trimmed := 0; head.Next-head.First > most && trimmed < recordTrims; trimmed++ {
		plan.operations = append(plan.operations, bus.Operation{Key: eventKey(head.First), Delete: true})
		head.First++
	}
	plan.operations, err = putJSON(plan.operations, []byte(bus.SystemEvents), head)
	return plan, err
}

func putJSON(operations []bus.Operation, key []byte, value any) ([]bus.Operation, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return append(operations, bus.Operation{Key: key, Value: text}), nil
}

// planAlarm keeps an alarm that only an operator ends until one has. Raised again meanwhile, it keeps its beginning.
func planAlarm(r keys, operations []bus.Operation, e bus.Event) ([]bus.Operation, error) {
	if e.Alarm == nil || !e.Alarm.Acknowledge {
		return operations, nil
	}
	key := []byte(alarmPrefix + e.Alarm.ID)
	switch e.State {
	case bus.AlarmAcknowledged:
		return append(operations, bus.Operation{Key: key, Delete: true}), nil
	case bus.AlarmRaised:
		alarm := *e.Alarm
		if value, _, known := r.Get(bus.SystemSpace, key); known {
			var before bus.Alarm
			if json.Unmarshal(value, &before) == nil && before.Since.Before(alarm.Since) {
				alarm.Since = before.Since
			}
		}
		return putJSON(operations, key, alarm)
	}
	return operations, nil
}

// forgetSources makes room for another main.
func forgetSources(r keys, operations []bus.Operation, but map[string]bool) ([]bus.Operation, error) {
	type old struct {
		name string
		id   uint64
	}
	var all []old
	var after []byte
	for more := true; more; {
		var items []storage.Item
		items, more = r.Scan(bus.SystemSpace, []byte(sourcePrefix), after, 0, 0)
		for _, it := range items {
			after = it.Key
			var s eventSource
			if err := json.Unmarshal(it.Value, &s); err != nil {
				return nil, fmt.Errorf("%w: %s: %w", errEvents, it.Key, err)
			}
			if !but[string(it.Key)] {
				all = append(all, old{string(it.Key), s.ID})
			}
		}
		more = more && len(items) > 0
	}
	slices.SortFunc(all, func(a, b old) int { return cmp.Compare(a.id, b.id) })
	for _, o := range all[:max(0, len(all)+len(but)-maxSources)] {
		operations = append(operations, bus.Operation{Key: []byte(o.name), Delete: true})
	}
	return operations, nil
}

func readEventsHead(r keys) (head eventsHead, revision uint64, err error) {
	value, revision, known := r.Get(bus.SystemSpace, []byte(bus.SystemEvents))
	if !known {
		return eventsHead{First: 1, Next: 1}, revision, nil
	}
	head, err = decodeEventsHead(value)
	return head, revision, err
}

func decodeEventsHead(value []byte) (head eventsHead, err error) {
	if err := json.Unmarshal(value, &head); err != nil {
		return head, fmt.Errorf("%w: head: %w", errEvents, err)
	}
	if head.First == 0 || head.Next < head.First {
		return head, fmt.Errorf("%w: head: first %d, next %d", errEvents, head.First, head.Next)
	}
	return head, nil
}

func readSource(r keys, name string) (s eventSource, err error) {
	value, _, known := r.Get(bus.SystemSpace, []byte(name))
	if !known {
		return s, nil
	}
	if err := json.Unmarshal(value, &s); err != nil {
		return s, fmt.Errorf("%w: %s: %w", errEvents, name, err)
	}
	return s, nil
}
