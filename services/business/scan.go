package business

import (
	"errors"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/storage/position"
)

// MaxScan is the most items of one Scan.
const MaxScan = 1000

// ErrScanAfterWrite says that a handler scanned after it wrote: a scan would not see the write. It is a fault of the
// service: the request is answered with 500.
var ErrScanAfterWrite = errors.New("scan before the first write")

// Scan returns up to limit items (at most MaxScan, which 0 means) whose keys begin with prefix and follow the key
// after, in the order of their bytes. More says that the range has further items.
//
// A scanned range is like a key that Get has read: it is of the same position as all other reads, and a condition of
// the update. The condition covers the range from after to the last item, or to its end if there are no more items: a
// key that is added, changed or deleted in it is a conflict. So a handler may put a key because it found none.
//
// When another page, or a key, is read, the pages before must be unchanged; otherwise the handler is run again, a
// limited number of times. Other commits meanwhile do not matter, up to 16,384 keys in all (a value counts as one more
// for each KiB). Beyond that a read needs that nothing at all is committed between the pages, by any service, unless
// ScanKept is used, and an update is refused with 413.
func (t *Tx) Scan(prefix, after string, limit int) (items []Item, more bool, err error) {
	return t.scan(prefix, after, limit, false)
}

// ScanKept is Scan for a range from which nothing is ever deleted. Its pages are of one position even while the range
// is written to: an item with a revision up to the position of the first page was the same at the first page. If an
// item of the range was changed meanwhile, the handler is run again, finally while no other request of the service
// writes. So it ends under any load of this service and of others, however large the range is.
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
	if t.trips == 0 {
		if err := t.env.queue(t.ctx, []string{lineOf(prefix)}); err != nil {
			return nil, false, t.fail(err)
		}
	}
	scan := &bus.Scan{Prefix: []byte(prefix), After: []byte(after), Limit: limit, Ticket: t.ticket}
	switch still := t.ranges.still(t.at); {
	case kept || t.at.IsZero():
	case still == nil && len(t.ranges.read) > 0:
		scan.At = t.at
	default:
		scan.Ranges, scan.Conditions = still, t.unchanged(nil)
	}
	reply, err := t.ask(bus.DatabaseCall{Scan: scan})
	if err != nil {
		return nil, false, t.fail(err)
	}
	if !kept || t.at.IsZero() {
		t.at = reply.Position
	}
	items = make([]Item, len(reply.Items))
	for i, item := range reply.Items {
		if item.Revision > t.at.Sequence {
			return nil, false, t.fail(errMoved)
		}
		if !t.readOnly {
			t.know(item)
		}
		items[i] = Item{Key: string(item.Key), Value: item.Value, Revision: item.Revision, Found: true}
	}
	t.ranges.add(scan, reply)
	return items, reply.More, nil
}

// ranges are the scanned ranges of a transaction, all valid at its position.
type ranges struct {
	read []keyrange.Range // without a sequence
	cost uint64           // of comparing them, in keys
}

// add records a page. A page that continues another extends its range; a repeated one adds nothing.
func (r *ranges) add(scan *bus.Scan, reply bus.DatabaseReply) {
	page := keyrange.Range{Prefix: scan.Prefix, After: scan.After, Keys: uint64(len(reply.Items))}
	if n := len(reply.Items); reply.More && n > 0 {
		page.Through = reply.Items[n-1].Key
	}
	for i := range r.read {
		if one := &r.read[i]; string(one.Prefix) == string(page.Prefix) && string(one.After) == string(page.After) && string(one.Through) == string(page.Through) {
			return
		}
	}
	for _, item := range reply.Items {
		r.cost += 1 + uint64(len(item.Value))>>10
	}
	for i := range r.read {
		if one := &r.read[i]; string(one.Prefix) == string(page.Prefix) && len(one.Through) > 0 && string(one.Through) == string(page.After) {
			one.Through, one.Keys = page.Through, one.Keys+page.Keys
			return
		}
	}
	r.cost++
	r.read = append(r.read, page)
}

// at returns the ranges as of a position.
func (r *ranges) at(p position.Position) []keyrange.Range {
	all := append([]keyrange.Range(nil), r.read...)
	for i := range all {
		all[i].Sequence = p.Sequence
	}
	return all
}

// still returns at for a comparison at a further read: nil if there is nothing to compare, or too much for one call.
func (r *ranges) still(p position.Position) []keyrange.Range {
	if r.cost > keyrange.MostKeys || len(r.read) > keyrange.MostRanges {
		return nil
	}
	return r.at(p)
}

// lineOf names the queue of requests that contend for keys with a prefix (lanes). No text key has such a name.
func lineOf(prefix string) string { return "\x00scan\x00" + prefix }
