package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

// hello begins a session: it checks the caller, fences the journal and reports what this host holds. The caller's pair
// and epoch count as far as main has noted them: main has them from the pair record, and any caller with the login can
// say hello.
func (r *Receiver) hello(ctx context.Context, q helloRequest) (helloReply, error) {
	own := r.c.Facts.Get()
	if err := r.acceptable(q, own); err != nil {
		return r.stranger(q, own), err
	}
	own = r.c.Facts.Get() // main may have noted something since
	if err := unborne(q, own); err != nil {
		return r.stranger(q, own), err
	}
	if q.Term.Epoch > own.Epoch { // a hand-over's, which is noted with the membership
		err := r.c.Facts.Update(func(d *facts.Data) error {
			d.Epoch = max(d.Epoch, q.Term.Epoch)
			return nil
		})
		if err != nil {
			return r.nobody(own), fatal{err}
		}
	}
	if err := r.living(q.Term); err != nil { // main noted an epoch since it was compared
		return r.nobody(r.c.Facts.Get()), err
	}
	r.set(journal.Term{}, false)
	if err := r.c.Log.Fence(ctx, journal.Fence{Term: q.Term, Host: q.Host}); err != nil {
		return r.nobody(own), stuck(err)
	}
	if err := r.settle(); err != nil {
		return r.nobody(own), fatal{err}
	}
	r.mu.Lock()
	r.told = q.Committed
	r.mu.Unlock()
	r.set(q.Term, false)
	return r.holding(), nil
}

// stuck tells a journal that takes no writes from a call that was given up.
func stuck(err error) error {
	if errors.Is(err, journal.ErrStuck) {
		return fatal{err}
	}
	return err
}

// acceptable says whether a hello may begin a session.
func (r *Receiver) acceptable(q helloRequest, facts facts.Data) error {
	var fence journal.Fence
	r.c.Log.View(func(t *journal.Tail) { fence = t.Fence() })
	empty := r.c.Log.End() == history.Mark{}
	_, apart := level.Meet(level.Party{Name: r.c.Host, Range: level.Own(), At: r.c.Database.Level()}, level.Party{Name: q.Host, Range: q.Levels, At: q.Level})
	switch {
	case apart != nil:
		return apart
	case q.Host == r.c.Host && q.Identity == facts.Identity:
		return fmt.Errorf("%w: HOTPAIR_PEER_REPLICATION of this host leads back to this host, or its data directory was copied: set it to the address of the other host", ErrForeign)
	case q.To != r.c.Host || q.Host == r.c.Host || r.c.Peer != "" && q.Host != r.c.Peer:
		return fmt.Errorf("%w: %q calls %q, but this host or its peer has another name: compare HOTPAIR_HOST and HOTPAIR_PEER of both", ErrForeign, q.Host, q.To)
	case q.Identity == facts.Identity:
		return fmt.Errorf("%w: it has this host's identity: its data directory is a copy of this host's", ErrForeign)
	case q.PairID != facts.PairID && (facts.PairID != "" || !empty):
		return foreignPair(q)
	case q.Term.Epoch == 0 || q.Term.Session == 0:
		return fmt.Errorf("%w: term %v", bus.ErrMalformed, q.Term)
	case !membership.Reachable(facts.Epoch, q.Term.Epoch), !membership.Reachable(sessionOf(fence, q), q.Term.Session):
		return fmt.Errorf("%w: term %v is further than a pair advances", bus.ErrMalformed, q.Term)
	case q.Term.Epoch < facts.Epoch:
		return stale(facts.Epoch)
	case q.Term.Session <= sessionOf(fence, q):
		return fmt.Errorf("%w: %v, the journal is fenced for %v", ErrSession, q.Term, fence.Term)
	}
	if err := r.c.Allow(q.Term.Epoch); err != nil {
		for _, reason := range []error{ErrForeign, ErrStale, ErrNotNow, ErrNotCommon, ErrSession} {
			if errors.Is(err, reason) {
				return err
			}
		}
		return fmt.Errorf("%w: %w", ErrNotNow, err)
	}
	return nil
}

// sessionOf is the last session of the caller, in the epoch that it names.
func sessionOf(fence journal.Fence, q helloRequest) uint64 {
	if q.Term.Epoch == fence.Term.Epoch && q.Host == fence.Host {
		return fence.Term.Session
	}
	return 0
}

// unborne refuses, for now, what the pair record does not bear out as far as this host has read it. Nothing of such a hello becomes durable.
func unborne(q helloRequest, own facts.Data) error {
	known := max(own.Epoch, own.Note.Epoch)
	switch {
	case own.PairID != "" && own.PairID != q.PairID:
		return foreignPair(q)
	case own.PairID != q.PairID:
		return fmt.Errorf("%w: this host has not read yet which pair it belongs to", ErrNotNow)
	case q.Term.Epoch > known:
		return fmt.Errorf("%w: this host has read epoch %d in the pair record, not %d yet: it reads it again once it reaches the record's keeper", ErrNotNow, known, q.Term.Epoch)
	}
	return nil
}

// foreignPair tells a caller of another pair only that it is of another pair.
func foreignPair(q helloRequest) error {
	return fmt.Errorf("%w: it belongs to pair %q, this host to another", ErrForeign, q.PairID)
}

// stranger is the reply beside a refusal. Whoever does not name the pair learns nothing of it: not its id, by which the next hello would
// be let in, nor who this host is.
func (r *Receiver) stranger(q helloRequest, own facts.Data) helloReply {
	switch {
	case own.PairID == q.PairID:
		return r.nobody(own)
	case own.PairID == "":
		return helloReply{Levels: level.Own(), Host: r.c.Host, Epoch: own.Epoch}
	}
	return helloReply{Levels: level.Own()}
}

// nobody is the reply that only names the refusing host.
func (r *Receiver) nobody(facts facts.Data) helloReply {
	a := helloReply{Levels: level.Own(), Level: r.c.Database.Level(), Host: r.c.Host, Identity: facts.Identity, PairID: facts.PairID, Epoch: facts.Epoch}
	r.c.Log.View(func(t *journal.Tail) { a.Fence = t.Fence().Term })
	return a
}

// holding is the reply of a host that takes part.
func (r *Receiver) holding() helloReply {
	facts := r.c.Facts.Get()
	a := r.nobody(facts)
	r.c.Log.View(func(t *journal.Tail) {
		a.End = t.End()
		if err := t.Broken(); err != nil {
			a.Broken = err.Error()
		}
	})
	a.Stored, a.Applied, a.First = r.c.Database.Committed(), r.c.Database.Applied(), r.c.Database.First()
	a.Inconsistent = facts.Receiving != nil
	if p, ok := r.c.Snapshot.Receiving(); ok {
		a.Snapshot = placeOf(p)
	}
	epochs := r.c.Database.Epochs()
	for _, e := range epochs[max(0, len(epochs)-maxEpochs):] {
		a.Epochs = append(a.Epochs, epochStart{Epoch: e.Epoch, Sequence: e.Sequence, Identity: e.Identity})
	}
	return a
}

func placeOf(p storage.SnapshotProgress) *snapshotPlace {
	return &snapshotPlace{Base: p.Base, Cursor: p.Cursor, Done: p.Done, Bytes: p.Bytes}
}

// digestAt looks in the tail, then in the history.
func (r *Receiver) digestAt(sequence uint64) (d history.Digest, ok bool) {
	r.c.Log.View(func(t *journal.Tail) { d, ok = t.DigestAt(sequence) })
	if ok {
		return d, true
	}
	d, err := r.c.Database.DigestAt(sequence)
	return d, err == nil
}

// maxDigests bounds one call for digests.
const maxDigests = 256

func (r *Receiver) digests(_ context.Context, q digestsRequest) (digestsReply, error) {
	if err := r.check(q.Term); err != nil {
		return digestsReply{}, err
	}
	if len(q.Sequences) > maxDigests {
		return digestsReply{}, fmt.Errorf("%w: %d digests", bus.ErrMalformed, len(q.Sequences))
	}
	a := digestsReply{Digests: make([]history.Digest, len(q.Sequences))}
	for i, s := range q.Sequences {
		a.Digests[i], _ = r.digestAt(s)
	}
	return a, nil
}

// entries gives what follows a sequence, from the tail or from the history before it.
func (r *Receiver) entries(ctx context.Context, q entriesRequest) (entriesReply, error) {
	if err := r.check(q.Term); err != nil {
		return entriesReply{}, err
	}
	limit := min(max(q.MaxBytes, 1), journal.MaxFrame)
	found, err := r.c.Log.Entries(ctx, q.After)
	if err != nil && !errors.Is(err, storage.ErrGap) {
		return entriesReply{}, rotten(err)
	}
	if len(found) == 0 {
		if found, err = r.c.Database.Entries(q.After+1, 0, limit); err != nil {
			return entriesReply{}, fmt.Errorf("%w: %w", ErrNotCommon, err)
		}
	}
	var a entriesReply
	for bytes := 0; len(found) > 0 && bytes < limit; found = found[1:] {
		a.Entries = append(a.Entries, found[0].Raw)
		bytes += len(found[0].Raw)
	}
	return a, nil
}

// rotten tells a journal that does not hold any more what was read in it from a call that was given up: this process begins anew, and
// finds out what is left.
func rotten(err error) error {
	if errors.Is(err, journal.ErrMalformed) || errors.Is(err, storage.ErrDiverged) {
		return fatal{err}
	}
	return stuck(err)
}

// place checks that the tail has what a call names, and gives its mark.
func (r *Receiver) place(q placeRequest) (m history.Mark, err error) {
	if err := r.check(q.Term); err != nil {
		return history.Mark{}, err
	}
	var ok bool
	r.c.Log.View(func(t *journal.Tail) { m, ok = t.MarkAt(q.Sequence) })
	if !ok || m.Digest != q.Digest {
		return history.Mark{}, fmt.Errorf("%w: sequence %d with digest %v", ErrNotCommon, q.Sequence, q.Digest)
	}
	return m, nil
}

// truncate drops the tail beyond a common position, once it is in a file (R10).
func (r *Receiver) truncate(ctx context.Context, q placeRequest) (placeReply, error) {
	end, err := r.place(q)
	if err != nil {
		return placeReply{}, err
	}
	r.data.Lock()
	defer r.data.Unlock()
	if stored := r.c.Database.Committed(); end.Position.Sequence < stored.Position.Sequence {
		return placeReply{}, fmt.Errorf("%w: the database is at %v, beyond %v", ErrNotCommon, stored.Position, end.Position)
	}
	if err := r.dropTail(ctx, end); err != nil {
		return placeReply{}, stuck(err)
	}
	return r.where(), nil
}

// grant opens the journal for the session, at the end that the sender expects.
func (r *Receiver) grant(_ context.Context, q placeRequest) (openReply, error) {
	end, err := r.place(q)
	if err != nil {
		return openReply{}, err
	}
	a := openReply{placeReply: r.where()}
	var broken error
	r.c.Log.View(func(t *journal.Tail) { broken = t.Broken() })
	switch p, receiving := r.c.Snapshot.Receiving(); {
	case a.End != end:
		return openReply{}, fmt.Errorf("%w: it ends at %v, not at %v", ErrNotCommon, a.End.Position, end.Position)
	case broken != nil:
		return openReply{}, fmt.Errorf("%w: %w", ErrNotCommon, broken)
	case receiving && !p.Done:
		return openReply{}, fmt.Errorf("open: %w", storage.ErrReceiving)
	}
	c, err := r.c.Log.Journal().Grant(q.Term)
	if err != nil {
		return openReply{}, err
	}
	// Who makes a higher epoch known revokes after it: so either that finds the grant, or this finds the epoch (R5).
	if err := r.living(q.Term); err != nil {
		r.c.Log.Journal().Revoke()
		return openReply{Epoch: r.c.Facts.Get().Epoch}, err
	}
	a.Credentials = c
	r.set(q.Term, true)
	r.c.Logger.Info("the other host sends", "host", r.caller(), "epoch", q.Term.Epoch, "position", end.Position)
	return a, nil
}

// caller is the name of the host whose session it is.
func (r *Receiver) caller() (host string) {
	r.c.Log.View(func(t *journal.Tail) { host = t.Fence().Host })
	return host
}

// where says where this host ends.
func (r *Receiver) where() placeReply {
	return placeReply{End: r.c.Log.End(), Applied: r.c.Database.Applied()}
}

// note makes the membership durable (R4): this host holds everything before the updates that wait for it.
func (r *Receiver) note(ctx context.Context, q noteRequest) (placeReply, error) {
	if err := r.check(q.Term); err != nil {
		return placeReply{}, err
	}
	own := r.c.Facts.Get()
	if n := q.Membership; n.Epoch > q.Term.Epoch || !membership.Reachable(max(own.RecordVersion, own.Note.Version), n.Version) {
		return placeReply{}, fmt.Errorf("%w: a note of version %d in epoch %d, sent in epoch %d with version %d known", bus.ErrMalformed, n.Version, n.Epoch, q.Term.Epoch, own.RecordVersion)
	}
	if err := r.c.Log.Read(ctx); err != nil {
		return placeReply{}, stuck(err)
	}
	// What Read took in here, Follow finds known and passes over.
	if err := r.commit(ctx); err != nil {
		return placeReply{}, fatal{err}
	}
	a := r.where()
	if a.End.Position.Sequence < q.UpTo {
		return a, fmt.Errorf("%w: it holds %v, %d is needed", ErrNotCommon, a.End.Position, q.UpTo)
	}
	err := r.c.Facts.Update(func(d *facts.Data) error {
		d.Note = q.Membership
		return nil
	})
	if err != nil {
		return a, fatal{err}
	}
	r.c.Changed()
	return a, nil
}

// committed takes the committed position that no frame has told. Only a session that was opened is believed: before that
// the tail may hold what the sender does not have.
func (r *Receiver) committed(ctx context.Context, q committedRequest) (placeReply, error) {
	if err := r.check(q.Term); err != nil {
		return placeReply{}, err
	}
	r.mu.Lock()
	open := r.open
	r.mu.Unlock()
	if !open {
		return placeReply{}, fmt.Errorf("%w: %v is not open", ErrSession, q.Term)
	}
	if err := r.c.Log.Read(ctx); err != nil {
		return placeReply{}, stuck(err)
	}
	r.c.Log.View(func(t *journal.Tail) { t.Commit(q.Committed) })
	if err := r.commit(ctx); err != nil {
		return placeReply{}, fatal{err}
	}
	r.c.Changed()
	return r.where(), nil
}
