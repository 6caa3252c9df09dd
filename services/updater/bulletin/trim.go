package bulletin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
	"github.com/hotpair/hotpair/services/updater/board"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// trimEvery is how often it is looked what can be trimmed, and trimAfter so many bytes that are told before that: a stream is full at
	// twice its bounds.
	trimEvery = 30 * time.Second
	trimAfter = 1 << 20
	// each is counted for a notice beside what it says.
	each = 256
	// pageTerminals is how many terminals are looked at in one view.
	pageTerminals = 512
	// rounds bounds the updates of one look.
	rounds = 256
)

// Run trims while this host serves, until ctx ends.
func (b *Bulletin) Run(ctx context.Context) error {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-b.many:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if b.term.Serves(0) != nil {
			continue
		}
		if err := b.Trim(ctx); err != nil && ctx.Err() == nil {
			b.log.Debug("notices could not be trimmed", "error", err)
		}
	}
}

// Trim takes away what everybody has who is to have it, and what is beyond the bounds. The error is that of the store, or says that there
// is no term.
func (b *Bulletin) Trim(ctx context.Context) error {
	b.mu.Lock()
	b.told = 0
	b.mu.Unlock()
	now := b.term.PairTime()
	var everybody []notices.Number
	for after, n := "", 0; n < rounds; n++ {
		var o board.Orders
		lost, next, again := 0, "", false
		err := b.store.View(func(r *storage.Reader) error {
			list, last := board.Terminals(r, after, pageTerminals)
			next = last
			for _, t := range list {
				if t.Unreadable != nil { // nobody knows what it has: of the common stream only what is too much goes
					b.unreadable(t.ID, t.Unreadable)
					everybody = append(everybody, notices.Number{})
					continue
				}
				if !t.Leaving {
					everybody = append(everybody, later(t.Had[notices.Common], t.Begin[notices.Common].Number))
				}
				if t.Leaving && t.Kept == 0 {
					o.Forget = append(o.Forget, t.ID)
				}
				b.hadUnreadable(t.ID, t.HadUnreadable)
				trim, missed, ok, err := board.Trimming(r, t.ID, now, t.Had[notices.Own], t.Leaving)
				if b.unreadable(t.ID, err); err != nil {
					continue
				}
				if ok {
					o.Trims = append(o.Trims, trim)
					lost += missed
					again = again || len(trim.Gone) == board.MostTrimmed
				}
				if o.Size() > mostBytes { // the rest of the page comes next
					next = t.ID
					return nil
				}
			}
			return nil
		})
		if err == nil && (len(o.Trims) > 0 || len(o.Forget) > 0) {
			err = b.commit(ctx, 0, &o)
		}
		if err != nil {
			return err
		}
		b.count(lost)
		if again { // there may be more to trim
			continue
		}
		if after = next; after == "" {
			return b.trimCommon(ctx, now, notices.HadByAll(everybody))
		}
	}
	return nil
}

// mostBytes is about how large an update gets that trims.
const mostBytes = 1 << 20

// trimCommon trims the common stream, in as many updates as it takes.
func (b *Bulletin) trimCommon(ctx context.Context, now int64, had notices.Number) error {
	for range rounds {
		var trim board.Trim
		lost, ok := 0, false
		err := b.store.View(func(r *storage.Reader) (err error) {
			trim, lost, ok, err = board.Trimming(r, "", now, had, false)
			b.said.Say("common", err, "the notices to all can't be read; none of them is removed")
			return err
		})
		if err == nil && ok {
			err = b.commit(ctx, 0, &board.Orders{Trims: []board.Trim{trim}})
		}
		if err != nil || !ok {
			return err
		}
		b.count(lost)
	}
	return nil
}

func later(a, b position.Number) position.Number {
	if b.After(a) {
		return b
	}
	return a
}

// count notes notices that went before a terminal had them.
func (b *Bulletin) count(lost int) {
	if lost == 0 {
		return
	}
	b.mu.Lock()
	b.lost += uint64(lost)
	b.mu.Unlock()
	b.log.Warn("notices were removed before terminals had them: there were too many, or they were too old", "notices", lost)
}

// list says what waits for terminals.
func (b *Bulletin) list(_ context.Context, q delivery.WaitingQuestion) (l delivery.WaitingNotices, err error) {
	l.Terminals = []delivery.Recipient{}
	err = b.store.View(func(r *storage.Reader) error {
		total, kept, bytes, _, err := board.Common(r)
		if err != nil {
			return err
		}
		l.Common = delivery.KeptNotices{Total: total, Kept: kept, Bytes: bytes}
		common := map[notices.Number]waiting{} // what comes after a place: most terminals have come to the same one
		list, next := board.Terminals(r, q.After, min(max(q.Limit, 1), delivery.MostListed))
		l.Next = next
		for _, t := range list {
			if t.Unreadable != nil {
				l.Terminals = append(l.Terminals, delivery.Recipient{ID: t.ID, Unreadable: t.Unreadable.Error()})
				continue
			}
			s := delivery.Recipient{ID: t.ID, Own: delivery.KeptNotices{Total: t.Total, Kept: t.Kept, Bytes: t.Bytes}, Leaving: t.Leaving}
			if t.Kept > 0 {
				own := waitingIn(r, t.ID, t.Had[notices.Own])
				s.Waiting, s.Unreadable = own.n, own.why
				if own.first > 0 {
					s.Oldest = time.Unix(0, own.first).UTC()
				}
			}
			at := later(t.Had[notices.Common], t.Begin[notices.Common].Number)
			toAll, known := common[at]
			if !known {
				toAll = waitingIn(r, "", at)
				common[at] = toAll
			}
			if s.WaitingCommon = toAll.n; toAll.why != "" {
				s.Unreadable = sentences(s.Unreadable, "of those to all: "+toAll.why)
			}
			if t.HadUnreadable != nil {
				s.Unreadable = sentences(s.Unreadable, "its confirmed notices: "+t.HadUnreadable.Error())
			}
			if !q.Waiting || s.Waiting+s.WaitingCommon > 0 || s.Unreadable != "" {
				l.Terminals = append(l.Terminals, s)
			}
		}
		return nil
	})
	return l, err
}

// waiting is what comes after a place in a stream, and why not all of it can be read.
type waiting struct {
	n     int
	first int64
	why   string
}

func waitingIn(r leaving.Reader, id string, after notices.Number) (w waiting) {
	var err error
	if w.n, w.first, err = board.Waiting(r, id, after); err != nil {
		w.why = err.Error()
	}
	return w
}

// sentences joins what is said.
func sentences(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), "; ")
}
