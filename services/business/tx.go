package business

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// MaxScan is the most items that one Scan gives.
const MaxScan = 1000

var (
	// ErrReadOnly says that a handler of a read-only operation wrote. A mistake of the service: the request is
	// answered with 500.
	ErrReadOnly = errors.New("a read-only operation writes nothing")
	// ErrScanAfterWrite says that a handler scanned after it wrote: a scan would not see that. A mistake of the
	// service, as above.
	ErrScanAfterWrite = errors.New("scan before the first write")
)

// Item is a key with what it holds.
type Item struct {
	Key   string
	Value []byte // not to be changed
	// Revision is the sequence of the update that last wrote the key, 0 when that is none. What the transaction has
	// itself written keeps the revision from before.
	Revision uint64
	Found    bool
}

// Tx is the one transaction of a request: what it reads is of one committed position, what it writes takes effect as
// one update when the handler returns without an error, and is forgotten when it returns one.
//
// Each key read becomes a condition of that update: it must still have the revision that was read. If another request
// was faster, the handler is run again with a new Tx. A key that is only written has no condition.
//
// An error of a method ends the transaction; the handler returns it. A Tx belongs to the goroutine of its handler and
// is of no use after it.
type Tx struct {
	ctx      context.Context
	env      txEnvironment
	ticket   string // of the request; empty in a read-only operation
	run      int
	readOnly bool

	at       position.Position   // where everything seen was so; zero before the first trip
	seen     map[string]bus.Item // what was read, and what it must still be at the commit
	keys     [][]byte            // of seen, in the order in which they were read
	scanned  bool
	required []bus.Condition
	writes   []bus.Operation
	written  map[string]int // key → index in writes
	trips    int
	err      error // the first error; it decides what becomes of the run, whatever the handler returns
}

// txEnvironment is what a transaction needs of the runtime.
type txEnvironment interface {
	// ask makes one trip to the updater. Its errors are those of execution.go.
	ask(ctx context.Context, call bus.DatabaseCall) (bus.DatabaseReply, error)
	// queue waits for the turn at those of the keys for which other requests wait already.
	queue(ctx context.Context, keys []string) error
}

// Run says how often this handler has been started for this request by now, from 1. A handler that can do without
// reading may try so at its first run, and read at the next to see what stood against it.
func (t *Tx) Run() int { return t.run }

// Get reads one key. Several keys are better read by one GetMany, which is one trip.
func (t *Tx) Get(key string) (Item, error) {
	items, err := t.GetMany(key)
	if err != nil {
		return Item{}, err
	}
	return items[0], nil
}

// GetMany reads keys in one trip, or none if all were read before. Items come in the order of the keys; an absent key
// is an Item that is not Found. The updater bounds the keys of a transaction (1024) and their values (4 MiB); more is
// answered with 413.
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

// read fetches keys and, in the same trip, everything read before, so that all is of one position again. If something
// read before is no longer what it was, the handler has worked on the past and is run again.
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
	reply, err := t.ask(bus.DatabaseCall{Read: &bus.Read{Ticket: t.ticket, Keys: wanted}})
	if err != nil {
		return err
	}
	if len(reply.Items) != len(wanted) {
		return fmt.Errorf("%w: %d items for %d keys", errUpdater, len(reply.Items), len(wanted))
	}
	if t.scanned && reply.Position != t.at {
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
		t.note(item)
	}
	t.at = reply.Position
	return nil
}

func (t *Tx) note(item bus.Item) {
	if t.seen == nil {
		t.seen = map[string]bus.Item{}
	}
	if _, known := t.seen[string(item.Key)]; !known {
		t.keys = append(t.keys, item.Key)
	}
	t.seen[string(item.Key)] = item
}

// item is what the transaction knows of a key: its own write, else what it read.
func (t *Tx) item(key string) Item {
	seen := t.seen[key]
	if i, own := t.written[key]; own {
		return Item{Key: key, Value: t.writes[i].Value, Revision: seen.Revision, Found: !t.writes[i].Delete}
	}
	return Item{Key: key, Value: seen.Value, Revision: seen.Revision, Found: seen.Revision != 0}
}

// Scan gives up to limit items (at most MaxScan, which 0 means) whose keys begin with prefix and come after the key
// after, in the order of their bytes. More says that the range goes on.
//
// Items are read like those of Get: of the same position as everything else, and each a condition of what is written.
// But a key that appears in the range later is not noticed; to guard a range, keep a key for it and write that too.
//
// Several pages, or reads beside a page, need that nothing at all is committed between them, by any service; otherwise
// the handler is run again, a limited number of times. Under constant writes do with one page, or see ScanKept.
func (t *Tx) Scan(prefix, after string, limit int) (items []Item, more bool, err error) {
	return t.scan(prefix, after, limit, false)
}

// ScanKept is Scan for a range in which nothing is ever deleted. Its pages are of one position also while other things
// are committed: what has a revision up to the position of the first page was so at the first page. If something in
// the range was changed meanwhile, the handler is run again, at last while no other request of the service writes. So
// it ends under any load of this service and of others.
func (t *Tx) ScanKept(prefix, after string, limit int) (items []Item, more bool, err error) {
	return t.scan(prefix, after, limit, true)
}

func (t *Tx) scan(prefix, after string, limit int, kept bool) (items []Item, more bool, err error) {
	if t.err != nil {
		return nil, false, t.err
	}
	if len(t.writes) > 0 {
		return nil, false, t.fail(ErrScanAfterWrite)
	}
	if limit <= 0 || limit > MaxScan {
		limit = MaxScan
	}
	scan := &bus.Scan{Prefix: []byte(prefix), After: []byte(after), Limit: limit, Ticket: t.ticket}
	if !kept {
		scan.At = t.at
	}
	reply, err := t.ask(bus.DatabaseCall{Scan: scan})
	if err != nil {
		return nil, false, t.fail(err)
	}
	if t.at.IsZero() {
		t.at = reply.Position
	}
	t.scanned = true
	items = make([]Item, len(reply.Items))
	for i, item := range reply.Items {
		if item.Revision > t.at.Sequence {
			return nil, false, t.fail(errMoved)
		}
		if !t.readOnly {
			t.note(item)
		}
		items[i] = Item{Key: string(item.Key), Value: item.Value, Revision: item.Revision, Found: true}
	}
	return items, reply.More, nil
}

// Put writes a key when the handler returns without an error. The value must not be changed afterwards.
func (t *Tx) Put(key string, value []byte) {
	t.write(bus.Operation{Key: []byte(key), Value: value})
}

// Delete removes a key when the handler returns without an error. An absent key is no error.
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

// RequireRevision makes it a condition that a key has this revision, without a trip to read it; 0 demands that it is
// absent. If it has not, the handler is run again, and Run is above 1.
func (t *Tx) RequireRevision(key string, revision uint64) {
	t.required = append(t.required, bus.Condition{Key: []byte(key), Revision: revision})
}

// RequirePresent makes it a condition that a key is there, as RequireRevision does.
func (t *Tx) RequirePresent(key string) {
	t.required = append(t.required, bus.Condition{Key: []byte(key), Present: true})
}

// conditions are those of the commit: what was required, and that everything read is as it was.
func (t *Tx) conditions() []bus.Condition {
	conditions := make([]bus.Condition, 0, len(t.required)+len(t.keys))
	conditions = append(conditions, t.required...)
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
