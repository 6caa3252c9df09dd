package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// feed is an open session: it appends to the other host's journal, in order, one frame at a time.
type feed struct {
	s        *Sender
	p        *probe
	conn     *bus.Conn
	appender *journal.Appender // over conn
	last     uint64            // stream sequence that the next append expects
	end      history.Mark      // of the other host
	told     position.Position
	lag      int // pieces of history in a row after which more was left
}

// run sends until ctx or the session ends.
func (f *feed) run(ctx context.Context) error {
	f.s.at(f.end.Position)
	f.s.become(bus.PeerCatchingUp, nil)
	for {
		sent, err := f.step(ctx)
		if err != nil {
			return err
		}
		if f.lag == 0 {
			if err := f.meet(ctx); err != nil {
				return err
			}
		}
		if sent {
			continue
		}
		if err := f.rest(ctx); err != nil {
			return err
		}
	}
}

// step sends what comes next, if there is something.
func (f *feed) step(ctx context.Context) (sent bool, err error) {
	if o := f.s.offered(); o != nil {
		switch end := o.end(); {
		case end == f.end:
			f.settle(o)
			return true, nil
		case o.first() == f.end.Position.Sequence+1:
			if err := f.send(ctx, o.entries, o.committed); err != nil {
				return false, err
			}
			f.settle(o)
			return true, nil
		}
	}
	entries, more, err := f.history()
	if err != nil || len(entries) == 0 {
		return false, err
	}
	if err := f.send(ctx, entries, f.s.c.Source.Committed().Position); err != nil {
		return false, err
	}
	if f.lag++; !more {
		f.lag = 0
	}
	if f.lag > 1 && f.s.State().State == bus.PeerClose {
		f.s.become(bus.PeerCatchingUp, nil)
	}
	return true, nil
}

// settle tells that an offered frame is there, once.
func (f *feed) settle(o *offer) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.offer == o {
		f.s.offer = nil
		close(o.done)
	}
}

// history returns the next piece of this host's lineage beyond the other's end: committed entries, then the
// backlog. A piece has one epoch.
func (f *feed) history() (entries []history.Stored, more bool, err error) {
	from := f.end.Position.Sequence + 1
	committed := f.s.c.Source.Committed().Position.Sequence
	if from <= committed {
		entries, err = f.s.c.Source.Entries(from, 0, historyBytes)
		if err != nil {
			return nil, false, fmt.Errorf("history from %d: %w: %w", from, ErrNotCommon, err)
		}
	} else {
		entries = f.s.backlog(from)
	}
	if len(entries) == 0 {
		return nil, false, nil
	}
	entries = entries[:journal.SameEpoch(entries)]
	bytes := 0
	for i := range entries {
		if bytes += len(entries[i].Raw); bytes > historyBytes && i > 0 {
			entries = entries[:i]
			break
		}
	}
	return entries, entries[len(entries)-1].Entry.Position.Sequence < committed, nil
}

// send appends entries to the other host's journal. When it returns nil they are durable there.
func (f *feed) send(ctx context.Context, entries []history.Stored, committed position.Position) error {
	if err := entries[0].Follows(f.end); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	raw, err := journal.Encode(journal.Message{Frame: journal.NewFrame(f.p.term, f.end.Digest, entries, committed)})
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	defer waitFor(ctx, f.conn, suspectAfter, len(raw))()
	// A little sooner: a session ends with it, and is opened again over it.
	defer waitFor(ctx, f.p.conn, suspectAfter*3/4, len(raw))()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		seq, err := f.appender.Append(ctx, f.last, raw)
		switch {
		case err == nil:
			f.last, f.end = seq, entries[len(entries)-1].Mark()
			f.told = committed
			f.s.at(f.end.Position)
			return nil
		case errors.Is(err, journal.ErrWrongLast):
			return fmt.Errorf("send %v: %w: %w", entries[0].Entry.Position, journal.ErrMoved, err)
		case !errors.Is(err, journal.ErrStoreFailed):
			return fmt.Errorf("send %v: %w", entries[0].Entry.Position, err)
		}
		// Its journal is full: it has room again when it has applied more, for which it must know what is committed.
		if err := f.tell(ctx); err != nil {
			return err
		}
		if err := pace.Rest(ctx, wait); err != nil {
			return err
		}
	}
}

// meet looks what is reached when all but the frames of the moment is sent.
func (f *feed) meet(ctx context.Context) error {
	if f.s.State().State == bus.PeerCatchingUp {
		f.s.release()
		f.s.become(bus.PeerClose, nil)
	}
	h := f.s.holds()
	state := f.s.State().State
	switch {
	case h == nil && state == bus.PeerAwaited:
		f.s.become(bus.PeerClose, nil)
	case h == nil || state == bus.PeerAwaited && h.met():
	case f.end.Position.Sequence >= h.upTo:
		if !h.met() {
			if h.membership != (membership.Note{}) {
				if err := f.p.note(ctx, h.upTo, h.membership); err != nil {
					return err
				}
			}
			close(h.reached)
		}
		f.s.become(bus.PeerAwaited, nil)
	}
	return nil
}

// rest waits for something to do. An idle other host is told what is committed.
func (f *feed) rest(ctx context.Context) error {
	var timer <-chan time.Time
	if f.told.Before(f.s.c.Source.Committed().Position) {
		t := time.NewTimer(idle)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-f.s.wake:
		return nil
	case <-timer:
		return f.tell(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tell tells the committed position beside the frames.
func (f *feed) tell(ctx context.Context) error {
	committed := f.s.c.Source.Committed().Position
	if err := f.p.committed(ctx, committed); err != nil {
		return err
	}
	f.told = committed
	return nil
}

// backlog gives what of the backlog and the offered frame lies from a sequence on.
func (s *Sender) backlog(from uint64) []history.Stored {
	b := s.c.Backlog
	if len(b) == 0 || from < b[0].Entry.Position.Sequence || from > b[len(b)-1].Entry.Position.Sequence {
		return nil
	}
	return b[from-b[0].Entry.Position.Sequence:]
}
