// Package bulletin answers terminal-if which notices terminals are to be sent, and trims what they have.
//
// Which keys notices have is in package board, and what is sent in package notices. What is of a process and not of the database is here:
// who is to be told something by the updates that were committed last.
package bulletin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
	"github.com/hotpair/hotpair/services/updater/board"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

const (
	// mostNamed bounds the terminals that an answer names.
	mostNamed = 1024
	// pageNotices and pageBytes bound what is read of a stream at once, a window of a terminal, and readBytes what is read for terminals.
	pageNotices = 64
	pageBytes   = 256 << 10
	readBytes   = 512 << 10
)

// ErrOrder says that an order about notices can't be carried out.
var ErrOrder = errors.New("invalid order about notices")

// Term is the term that is served, if one is.
type Term interface {
	leaving.Term

	// History is what numbers are checked against, but for its end.
	History() notices.History
	// PairTime is the pair's, in Unix nanoseconds.
	PairTime() int64
}

// Bulletin is that of one host. It may be used by any number of goroutines.
type Bulletin struct {
	life  context.Context
	store leaving.Viewer
	term  Term
	log   *slog.Logger
	said  *leaving.Told
	many  chan struct{} // one token: so much was told that it is to be trimmed soon

	version *leaving.Version
	first   uint64 // the version with which this process began

	mu    sync.Mutex
	toAll uint64            // the version of the last notice to all
	to    map[string]uint64 // and of the last one to a terminal
	told  int               // bytes since the last look at what can be trimmed
	lost  uint64
}

// New makes the bulletin of a store. Versions are above those of an earlier process, so that what was seen of that one is not taken for
// this one's. No question waits any more when life ends.
func New(life context.Context, store leaving.Viewer, t Term, started time.Time, log *slog.Logger) *Bulletin {
	first := uint64(started.UnixNano())
	return &Bulletin{
		life: life, store: store, term: t, log: log, said: leaving.NewTold(log), many: make(chan struct{}, 1), first: first, version: leaving.NewVersion(first), to: map[string]uint64{},
	}
}

// Committed takes what was committed in the term that is served.
func (b *Bulletin) Committed(entries []history.Stored) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.version.Latest() + 1
	found, bytes := 0, 0
	for i := range entries {
		for _, f := range entries[i].Entry.Outbox {
			id, is := board.StreamOf(f.Key)
			if !is || f.Delete {
				continue
			}
			found++
			bytes += len(f.Value) + each
			if id == "" {
				b.toAll = next
			} else {
				b.to[id] = next
			}
		}
	}
	if found == 0 {
		return
	}
	if b.told += bytes; b.told >= trimAfter {
		select {
		case b.many <- struct{}{}:
		default:
		}
	}
	b.version.Rise()
}

// Answer has questions answered, each in a goroutine of the group.
func (b *Bulletin) Answer(r *bus.Router, group bus.Group) {
	life := b.life
	delivery.CallWatch.HandleIn(life, r, group, b.watch)
	delivery.CallBegin.HandleIn(life, r, group, b.begin)
	delivery.CallRead.HandleIn(life, r, group, b.read)
	delivery.CallHad.HandleIn(life, r, group, b.had)
	delivery.CallRoster.HandleIn(life, r, group, b.roster)
	delivery.CallList.HandleIn(life, r, group, b.list)
}

// watch names whom updates since a version tell something.
func (b *Bulletin) watch(ctx context.Context, q delivery.Watch) (delivery.Changed, error) {
	if _, err := b.version.Await(ctx, b.term, q.Epoch, q.Seen, q.Wait); err != nil {
		return delivery.Changed{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := delivery.Changed{Version: b.version.Latest(), Lost: b.lost}
	if c.All = q.Seen < b.first || q.Seen > c.Version || b.toAll > q.Seen; c.All || c.Version == q.Seen {
		return c, nil
	}
	for id, at := range b.to {
		if at > q.Seen {
			if c.Terminals = append(c.Terminals, id); len(c.Terminals) > mostNamed {
				c.All, c.Terminals = true, nil
				break
			}
		}
	}
	slices.Sort(c.Terminals)
	return c, nil
}

func (b *Bulletin) begin(_ context.Context, q delivery.Begin) (delivery.Begun, error) {
	if len(q.IDs) > delivery.MostBegun {
		return delivery.Begun{}, fmt.Errorf("%w: %d terminals at once, at most %d", ErrOrder, len(q.IDs), delivery.MostBegun)
	}
	if err := b.term.Serves(q.Epoch); err != nil {
		return delivery.Begun{}, err
	}
	a := delivery.Begun{History: b.term.History(), Terminals: make([]delivery.Known, 0, len(q.IDs))}
	a.History.Epoch = q.Epoch
	err := b.store.View(func(r *storage.Reader) error {
		a.History.End = r.Position()
		for _, id := range q.IDs {
			t, ok, err := board.Find(r, id)
			known := delivery.Known{Known: ok && !t.Leaving, Begin: t.Begin, Had: t.Had}
			if err != nil {
				known.Unreadable = err.Error()
			}
			a.Terminals = append(a.Terminals, known)
		}
		return nil
	})
	return a, err
}

func (b *Bulletin) read(_ context.Context, q delivery.Read) (v delivery.View, err error) {
	if len(q.Terminals) > delivery.MostRead {
		return v, fmt.Errorf("%w: the streams of %d terminals at once, at most %d", ErrOrder, len(q.Terminals), delivery.MostRead)
	}
	if err := b.term.Serves(q.Epoch); err != nil {
		return v, err
	}
	err = b.store.View(func(r *storage.Reader) error {
		v.Common = delivery.Page(board.Stream(r, "", q.Common, pageNotices, pageBytes))
		size := 0
		for _, t := range q.Terminals {
			p := board.Stream(r, t.ID, t.Own, pageNotices, pageBytes)
			for _, n := range p.Kept {
				size += n.Size
			}
			if len(v.Own) > 0 && size > readBytes {
				return nil
			}
			v.Own = append(v.Own, delivery.Page(p))
		}
		return nil
	})
	return v, err
}

// had notes what terminals have.
func (b *Bulletin) had(ctx context.Context, q delivery.Report) (bus.Done, error) {
	if len(q.Had) > board.MostTerminals {
		return bus.Done{}, fmt.Errorf("%w: reports of %d terminals at once, at most %d", ErrOrder, len(q.Had), board.MostTerminals)
	}
	o := &board.Orders{}
	for _, h := range q.Had {
		o.Had = append(o.Had, board.Had(h))
	}
	return bus.Done{}, b.commit(ctx, q.Epoch, o)
}

// roster has notices go to the terminals of the pair.
func (b *Bulletin) roster(ctx context.Context, q delivery.Roster) (bus.Done, error) {
	if len(q.IDs) > bus.MaxTerminals {
		return bus.Done{}, fmt.Errorf("%w: %d terminals, at most %d", ErrOrder, len(q.IDs), bus.MaxTerminals)
	}
	var add, leave []string
	listed := make(map[string]bool, len(q.IDs))
	err := b.store.View(func(r *storage.Reader) error {
		// A list that is not the committed one may lack who was added since: what waits for him would be taken away.
		if _, revision, _ := r.Get(bus.SystemSpace, []byte(bus.SystemTerminals)); q.Revision != revision {
			return fmt.Errorf("%w: a list of terminals at revision %d, but the table is at %d", ErrOrder, q.Revision, revision)
		}
		for _, id := range q.IDs {
			t, ok, err := board.Find(r, id)
			if listed[id] = true; err != nil {
				b.unreadable(id, err) // it is said to be readable again where all are looked at
			} else if !ok || t.Leaving {
				add = append(add, id)
			}
		}
		for after := ""; q.Revision > 0; {
			list, next := board.Terminals(r, after, pageTerminals)
			for _, t := range list {
				if t.Unreadable == nil && !t.Leaving && !listed[t.ID] {
					leave = append(leave, t.ID)
				}
			}
			if after = next; after == "" {
				break
			}
		}
		return nil
	})
	for _, c := range []struct {
		ids  []string
		into func([]string) *board.Orders
	}{
		{add, func(ids []string) *board.Orders { return &board.Orders{Add: ids} }},
		{leave, func(ids []string) *board.Orders { return &board.Orders{Leave: ids} }},
	} {
		for part := range slices.Chunk(c.ids, board.MostTerminals) {
			if err == nil {
				err = b.commit(ctx, q.Epoch, c.into(part))
			}
		}
	}
	return bus.Done{}, err
}

// unreadable says once that what is kept of one terminal can't be read; nil: it can. Those of the others go on.
func (b *Bulletin) unreadable(id string, err error) {
	b.said.Say("terminal "+id, err, "the notices of a terminal can't be read; they are left unchanged", "terminal", id)
}

// hadUnreadable says once that what a terminal has can't be read as it was noted; nil: it can.
func (b *Bulletin) hadUnreadable(id string, err error) {
	b.said.Say("had "+id, err, "the record of a terminal's confirmed notices can't be read; the terminal is assumed to have none until it reports again", "terminal", id)
}

// commit has orders committed in a term.
func (b *Bulletin) commit(ctx context.Context, epoch uint64, o *board.Orders) error {
	r, err := leaving.Commit(ctx, b.term, epoch, o)
	if err == nil && r.Code != bus.CodeOK {
		err = fmt.Errorf("%w: %s", ErrOrder, r.Message)
	}
	return err
}
