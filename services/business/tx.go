package business

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/storage/position"
)

// ErrReadOnly says that a handler of a read-only operation wrote. It is a fault of the service: the request is
// answered with 500.
var ErrReadOnly = errors.New("a read-only operation can't write")

// Item is a key with its value.
type Item struct {
	Key   string
	Value []byte // not to be changed
	// Revision is the sequence of the update that last wrote the key, 0 if none. A key that the transaction itself has
	// written keeps the revision from before.
	Revision uint64
	Found    bool
}

// Tx is the transaction of a request: its reads are of one committed position, its writes take effect as one update
// when the handler returns without an error, and are dropped when it returns one.
//
// Each key read becomes a condition of that update: it must still have the revision that was read. So does each range
// scanned: it must still have the same items, and no others. After a conflict with another request the handler is run
// again with a new Tx. A key that is only written has no condition.
//
// An error of a method ends the transaction; the handler must return it. A Tx belongs to the goroutine of its handler
// and must not be used after it.
type Tx struct {
	ctx      context.Context
	env      txEnvironment
	ticket   string // of the request; empty in a read-only operation
	run      int
	readOnly bool

	at       position.Position   // where everything seen was so; zero before the first trip
	seen     map[string]bus.Item // the reads, which are conditions of the commit
	keys     [][]byte            // of seen, in the order in which they were read
	ranges   ranges              // what was scanned, and must still be so at the commit
	required []bus.Condition
	writes   []bus.Operation
	written  map[string]int // key → index in writes
	timers   []outbox.Timer
	notices  []outbox.Notice
	emitted  []outbox.Emission
	fired    *outbox.Due // it is the run of a timer
	trips    int
	err      error // the first error; it decides what becomes of the run, whatever the handler returns
}

// txEnvironment is what a transaction needs of the runtime.
type txEnvironment interface {
	// ask makes one trip to the updater. Its errors are those of execution.go.
	ask(ctx context.Context, call bus.DatabaseCall) (bus.DatabaseReply, error)
	// queue waits for the turn at those of the keys for which other requests wait already.
	queue(ctx context.Context, keys []string) error
	// writes reports whether the service has an operation that may write.
	writes(operation string) bool
}

// Run returns the number of this run of the handler for this request, from 1. A handler that can do without reading
// may try so at its first run, and read at the next one to find the conflict.
func (t *Tx) Run() int { return t.run }

// Get reads one key. For several keys use GetMany, which is one round trip.
func (t *Tx) Get(key string) (Item, error) {
	items, err := t.GetMany(key)
	if err != nil {
		return Item{}, err
	}
	return items[0], nil
}

// GetMany reads keys in one round trip, or none if all were already read. Items have the order of the keys; an absent
// key is an Item that is not Found. The updater bounds the keys of a transaction (1024) and their values (4 MiB); more
// is answered with 413.
func (t *Tx) GetMany(keys ...string) ([]Item, error) {
	if t.err != nil {
		return nil, t.err
	}
	var missing []string
	asked := map[string]bool{}
	for _, key := range keys {
		if _, known := t.seen[key]; !known && !asked[key] {
			if _, own := t.written[key]; !own {
				asked[key] = true
				missing = append(missing, key)
			}
		}
	}
	if len(missing) > 0 {
		if err := t.read(missing); err != nil {
			return nil, t.fail(err)
		}
	}
	items := make([]Item, len(keys))
	for i, key := range keys {
		items[i] = t.item(key)
	}
	return items, nil
}

// read fetches keys and, in the same round trip, everything read before, so that all reads are of one position. If an
// earlier read has changed, the handler has worked on old data and is run again.
func (t *Tx) read(missing []string) error {
	if t.trips == 0 {
		// Nothing was read yet, so waiting here costs no one anything and the handler starts with what is newest.
		if err := t.env.queue(t.ctx, missing); err != nil {
			return err
		}
	}
	wanted := make([][]byte, len(t.keys), len(t.keys)+len(missing))
	copy(wanted, t.keys)
	for _, key := range missing {
		wanted = append(wanted, []byte(key))
	}
	still := t.ranges.still(t.at)
	reply, err := t.ask(bus.DatabaseCall{Read: &bus.Read{Ticket: t.ticket, Keys: wanted, Ranges: still}})
	if err != nil {
		return err
	}
	if len(reply.Items) != len(wanted) {
		return fmt.Errorf("%w: %d items for %d keys", errUpdater, len(reply.Items), len(wanted))
	}
	if still == nil && len(t.ranges.read) > 0 && reply.Position != t.at {
		return errMoved
	}
	for i, key := range wanted {
		item := reply.Items[i]
		if i < len(t.keys) {
			if t.seen[string(key)].Revision != item.Revision {
				return errMoved
			}
			continue
		}
		item.Key = key
		t.know(item)
		t.keys = append(t.keys, item.Key)
	}
	t.at = reply.Position
	return nil
}

// know keeps what a key holds, so that it need not be read again.
func (t *Tx) know(item bus.Item) {
	if t.seen == nil {
		t.seen = map[string]bus.Item{}
	}
	t.seen[string(item.Key)] = item
}

// item is the transaction's view of a key: its own write, otherwise its read.
func (t *Tx) item(key string) Item {
	seen := t.seen[key]
	if i, own := t.written[key]; own {
		return Item{Key: key, Value: t.writes[i].Value, Revision: seen.Revision, Found: !t.writes[i].Delete}
	}
	return Item{Key: key, Value: seen.Value, Revision: seen.Revision, Found: seen.Revision != 0}
}

// Put writes a key when the handler returns without an error. The value must not be changed afterwards.
func (t *Tx) Put(key string, value []byte) {
	t.write(bus.Operation{Key: []byte(key), Value: value})
}

// Delete removes a key when the handler returns without an error. An absent key is not an error.
func (t *Tx) Delete(key string) {
	t.write(bus.Operation{Key: []byte(key), Delete: true})
}

func (t *Tx) write(op bus.Operation) {
	if t.readOnly {
		t.fail(ErrReadOnly)
		return
	}
	if i, again := t.written[string(op.Key)]; again {
		t.writes[i] = op
		return
	}
	if t.written == nil {
		t.written = map[string]int{}
	}
	t.written[string(op.Key)] = len(t.writes)
	t.writes = append(t.writes, op)
}

// RequireRevision makes it a condition that a key has this revision, without reading it; 0 demands that it is absent.
// If the condition is false, the handler is run again, and Run is above 1.
func (t *Tx) RequireRevision(key string, revision uint64) {
	t.required = append(t.required, bus.Condition{Key: []byte(key), Revision: revision})
}

// RequirePresent makes it a condition that a key exists, like RequireRevision.
func (t *Tx) RequirePresent(key string) {
	t.required = append(t.required, bus.Condition{Key: []byte(key), Present: true})
}

// conditions are the commit's conditions on keys: those required, and that every key read is unchanged.
func (t *Tx) conditions() []bus.Condition {
	conditions := make([]bus.Condition, 0, len(t.required)+len(t.keys))
	return t.unchanged(append(conditions, t.required...))
}

// unchanged adds that every key read is unchanged.
func (t *Tx) unchanged(conditions []bus.Condition) []bus.Condition {
	for _, key := range t.keys {
		conditions = append(conditions, bus.Condition{Key: key, Revision: t.seen[string(key)].Revision})
	}
	return conditions
}

func (t *Tx) ask(call bus.DatabaseCall) (bus.DatabaseReply, error) {
	t.trips++
	return t.env.ask(t.ctx, call)
}

// fail remembers the first error.
func (t *Tx) fail(err error) error {
	if t.err == nil {
		t.err = err
	}
	return t.err
}
