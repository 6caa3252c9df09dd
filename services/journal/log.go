package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// readBytes is how much of a journal is read at once.
const readBytes = 4 << 20

// ErrUnfinished says that the semaphore was held until the context ended.
var ErrUnfinished = errors.New("the previous append is unfinished")

// Acquire waits for a semaphore of one until ctx ends, which is ErrUnfinished with the cause.
//
// A wait for a mutex ignores the deadline of the caller: behind a slow disk an order would be answered long after
// main has given it up. A mutex is right where its holder never waits, or where every waiter lives as long as the
// process, which ends when its disk fails.
func Acquire(ctx context.Context, one *semaphore.Weighted) error {
	if err := one.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("%w: %w", ErrUnfinished, context.Cause(ctx))
	}
	return nil
}

// Log is a Journal together with the Tail that its messages fold to. Its methods may be called by any number of
// goroutines.
type Log struct {
	journal *Journal
	log     *slog.Logger

	reading *semaphore.Weighted // one reading of the journal, or one own append, at a time
	mu      sync.Mutex
	tail    *Tail
	term    Term          // of the last Fence of this process, if it is for this host
	turned  chan struct{} // closed and replaced when term may have changed

	// Stream sequences up to which nothing is needed: as of the last flush of bolt, and of the flush before that.
	spare, giveUp uint64
}

// NewLog makes the log of a journal; base is the end of what bolt has applied (storage.Store.Applied).
func NewLog(j *Journal, base history.Mark) *Log {
	l := &Log{journal: j, log: j.config.Logger, tail: NewTail(base), reading: semaphore.NewWeighted(1), turned: make(chan struct{})}
	if j.config.Keep > 0 {
		l.tail.keep = j.config.Keep
	}
	return l
}

// Journal returns the underlying journal.
func (l *Log) Journal() *Journal { return l.journal }

// View runs f with the tail, which must not leave f.
func (l *Log) View(f func(*Tail)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.tail)
}

// End is the end of the history in the journal.
func (l *Log) End() (end history.Mark) {
	l.View(func(t *Tail) { end = t.End() })
	return end
}

// Read folds everything that the journal holds now into the tail. A message that does not chain is no error of Read:
// see Tail.Broken. The error is ErrStuck or ctx's.
func (l *Log) Read(ctx context.Context) error {
	if err := Acquire(ctx, l.reading); err != nil {
		return err
	}
	defer l.reading.Release(1)
	_, err := l.read(ctx)
	return err
}

// read is Read, and reports whether anything was taken in. reading is held.
func (l *Log) read(ctx context.Context) (took bool, err error) {
	var from uint64
	l.View(func(t *Tail) { from = t.Seq() + 1 })
	for {
		read, next, err := l.journal.Read(ctx, from, readBytes)
		if err != nil {
			return took, err
		}
		if len(read) == 0 {
			return took, nil
		}
		for _, r := range read {
			l.take(r)
		}
		from, took = next, true
	}
}

// take folds one message.
func (l *Log) take(r Read) {
	m, err := Decode(r.Raw)
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := l.tail.Broken() == nil
	if err != nil {
		_, err = l.tail.Damaged(r.Seq, fmt.Errorf("stream sequence %d: %w", r.Seq, err))
	} else {
		_, err = l.tail.Take(r.Seq, m)
	}
	if err != nil && whole {
		l.log.Warn("the journal's messages do not chain; a resync follows",
			"host", l.journal.Host(), "position", l.tail.End().Position, "stream", r.Seq, "error", err)
	}
}

// Follow takes in messages as others have them stored, and calls changed after each time that something was taken in, until
// ctx ends or changed fails. While this host owns the journal's fence nobody else appends, and it rests: what this host
// appends itself need not wake it up.
func (l *Log) Follow(ctx context.Context, changed func() error) error {
	for {
		if err := l.follow(ctx, changed); err != nil {
			return fmt.Errorf("follow journal: %w", err)
		}
		for alone, turned := l.alone(); alone; alone, turned = l.alone() {
			select {
			case <-turned:
			case <-l.journal.Dead():
				return l.journal.Err()
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// alone reports whether only this host may append, and gives a channel that is closed when that may have changed.
func (l *Log) alone() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term != (Term{}), l.turned
}

// fenced notes whose term rules.
func (l *Log) fenced(own Term) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term = own
	close(l.turned)
	l.turned = make(chan struct{})
}

// follow is Follow until only this host may append. What was stored before it watched, it reads first.
func (l *Log) follow(ctx context.Context, changed func() error) error {
	if alone, _ := l.alone(); alone {
		return nil
	}
	stored, stop, err := l.journal.Watch()
	if err != nil {
		return err
	}
	defer stop()
	for next := (Read{}); ; {
		took, err := l.takeIn(ctx, next)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && took {
			err = changed()
		}
		if err != nil {
			return err
		}
		for next.Seq = 0; next.Seq == 0; {
			alone, turned := l.alone()
			if alone {
				return nil
			}
			select {
			case next = <-stored:
			case <-turned:
			case <-l.journal.Dead():
				return l.journal.Err()
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// takeIn takes a message that was just stored. What the tail has already, as it has what this owner appended, is passed over;
// what does not come right behind the tail, and the zero Read, has the journal read.
func (l *Log) takeIn(ctx context.Context, r Read) (took bool, err error) {
	if err := Acquire(ctx, l.reading); err != nil {
		return false, err
	}
	defer l.reading.Release(1)
	var last uint64
	l.View(func(t *Tail) { last = t.Seq() })
	switch {
	case r.Seq == last+1:
		l.take(r)
		return true, nil
	case r.Seq > 0 && r.Seq <= last:
		return false, nil
	}
	return l.read(ctx)
}

// Append makes the frames of entries durable in the own journal (A3) under the term of the last Fence, which must be one of
// this host, and takes them into the tail; more than one frame only where the epoch changes. Errors as of Journal.Append, ErrFenced before the
// first Fence, storage.ErrGap or ErrDiverged when the entries do not follow, and ErrUnfinished. After any error but ErrFull
// and these three nobody knows whether the frame is there, and the log takes nothing before the next Fence.
func (l *Log) Append(ctx context.Context, entries []history.Stored, committed position.Position) error {
	if err := Acquire(ctx, l.reading); err != nil {
		return err
	}
	defer l.reading.Release(1)
	for len(entries) > 0 {
		n := SameEpoch(entries)
		if err := l.append(ctx, entries[:n], committed); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (l *Log) append(ctx context.Context, entries []history.Stored, committed position.Position) error {
	var end history.Mark
	var term Term
	l.View(func(t *Tail) { end, term = t.End(), l.term })
	if term == (Term{}) {
		return fmt.Errorf("append to log: %w: this process has not fenced it", ErrFenced)
	}
	if err := entries[0].Follows(end); err != nil {
		return fmt.Errorf("append to log: %w", err)
	}
	frame := NewFrame(term, end.Digest, entries, committed)
	raw, err := Encode(Message{Frame: frame})
	if err != nil {
		return err
	}
	seq, err := l.journal.Append(ctx, raw)
	if err != nil {
		if !errors.Is(err, ErrFull) {
			// Nobody knows whether the frame is there: only a Fence, which reads everything, makes that sure again.
			l.fenced(Term{})
		}
		return err
	}
	l.mu.Lock()
	own := seq == l.tail.Seq()+1
	if own {
		err = l.tail.Own(seq, frame, entries)
	}
	l.mu.Unlock()
	if !own { // a marker lies between that could not be read
		_, err = l.read(ctx)
	}
	if err == nil && l.End() != entries[len(entries)-1].Mark() {
		err = fmt.Errorf("%w: the journal does not hold what it acknowledged", storage.ErrDiverged)
	}
	if err != nil {
		l.fenced(Term{}) // it is there, and the tail does not know: what is appended behind it would not follow
	}
	return err
}

// Fence fences the journal and takes in everything up to the marker. A broken tail stays broken: Heal, or a probe's cut,
// fixes it.
func (l *Log) Fence(ctx context.Context, f Fence) error {
	if err := Acquire(ctx, l.reading); err != nil {
		return err
	}
	defer l.reading.Release(1)
	var own Term
	defer func() { l.fenced(own) }() // nobody is granted before
	if _, err := l.journal.Fence(ctx, f); err != nil {
		return err
	}
	if _, err := l.read(ctx); err != nil {
		return err
	}
	if f.Host == l.journal.Host() {
		own = f.Term
	}
	return nil
}

// errNotTail says that a cut was asked for at a place that the tail does not have.
var errNotTail = errors.New("not in the tail")

// Truncate drops durably what lies beyond end, which must be a mark of the tail, and heals a broken one. The caller has fenced
// the journal and keep as divergent what must not be lost.
func (l *Log) Truncate(ctx context.Context, end history.Mark) error {
	if err := Acquire(ctx, l.reading); err != nil {
		return err
	}
	defer l.reading.Release(1)
	var term Term
	var ok bool
	l.View(func(t *Tail) {
		d, known := t.DigestAt(end.Position.Sequence)
		term, ok = t.Fence().Term, known && d == end.Digest
	})
	if !ok {
		return fmt.Errorf("truncate log at %v: %w: %w", end.Position, storage.ErrDiverged, errNotTail)
	}
	if _, err := l.journal.Truncate(ctx, Truncation{Term: term, End: end}); err != nil {
		return err
	}
	_, err := l.read(ctx)
	return err
}

// Heal truncates a broken tail at its end, so that the next append chains: an active whose journal was damaged beyond
// what it could adopt from the other host. It does nothing to a whole tail.
func (l *Log) Heal(ctx context.Context) error {
	var end history.Mark
	var broken error
	l.View(func(t *Tail) { end, broken = t.End(), t.Broken() })
	if broken == nil {
		return nil
	}
	return l.Truncate(ctx, end)
}

// Refused returns the raw messages from the first refused one on, to be kept as divergent; none when the tail is whole.
func (l *Log) Refused(ctx context.Context) (records [][]byte, err error) {
	var from uint64
	l.View(func(t *Tail) { from = t.Refused() })
	for from > 0 {
		read, next, err := l.journal.Read(ctx, from, readBytes)
		if err != nil || len(read) == 0 {
			return records, err
		}
		for _, r := range read {
			records = append(records, r.Raw)
		}
		from = next
	}
	return records, nil
}

// Applied moves the tail's base to what bolt has applied and purges what the journal does not need. The error is
// storage.ErrDiverged when bolt and the journal differ.
//
// It purges what bolt had applied one flush ago: bolt writes its two heads in turn, and when the newer one is
// damaged it silently opens the state of one transaction earlier. The journal then still continues from there. A
// journal that is half full gives up all that is applied, because otherwise a full one might never be emptied again.
func (l *Log) Applied(ctx context.Context, base history.Mark) error {
	var giveUp, spare uint64
	var err error
	l.View(func(t *Tail) {
		flushed := t.Base().Position.Before(base.Position)
		if err = t.Advance(base); err == nil && flushed {
			l.giveUp, l.spare = l.spare, t.Purgeable()
		}
		giveUp, spare = l.giveUp, l.spare
	})
	if err != nil {
		return err
	}
	if giveUp < spare {
		crowded, err := l.journal.crowded(ctx)
		if err != nil {
			return err
		}
		if crowded {
			giveUp = spare
		}
	}
	return l.journal.Purge(ctx, giveUp)
}

// Rebase begins the tail at another base: bolt was replaced by a snapshot.
func (l *Log) Rebase(base history.Mark) {
	l.View(func(t *Tail) { t.Rebase(base) })
}
