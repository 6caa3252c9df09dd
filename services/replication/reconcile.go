package replication

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// lineage is what this host will stand by: the committed history, the backlog, and the frame that is offered.
type lineage struct {
	source Source
	extra  []history.Stored // beyond what was committed when it was made
	end    history.Mark
}

// lineage takes a look. The offered frame belongs to it: the other host may have it already, from a session whose
// acknowledgement was lost. It is asked for first, so that it is either offered still or committed already.
func (s *Sender) lineage() lineage {
	o := s.offered()
	l := lineage{source: s.c.Source, end: s.c.Source.Committed()}
	l.append(s.backlog(l.end.Position.Sequence + 1))
	if o != nil && o.first() == l.end.Position.Sequence+1 {
		l.append(o.entries)
	}
	return l
}

func (l *lineage) append(entries []history.Stored) {
	if len(entries) > 0 {
		l.extra = append(l.extra, entries...)
		l.end = l.extra[len(l.extra)-1].Mark()
	}
}

// digestAt gives the digest at a sequence up to the end. Not ok: the history no longer reaches back so far.
func (l *lineage) digestAt(sequence uint64) (d history.Digest, ok bool, err error) {
	if n := len(l.extra); n > 0 {
		if first := l.extra[0].Entry.Position.Sequence; sequence >= first {
			return l.extra[sequence-first].Digest, true, nil
		}
	}
	d, err = l.source.DigestAt(sequence)
	switch {
	case err == nil:
		return d, true, nil
	case errors.Is(err, storage.ErrTrimmed), errors.Is(err, storage.ErrAbsent):
		return d, false, nil
	}
	return d, false, fmt.Errorf("own digest at %d: %w", sequence, err)
}

// reconcile brings the other host to a place in this host's history, by a cut or by a copy, and gives that place.
func (s *Sender) reconcile(ctx context.Context, p *probe) (history.Mark, error) {
	h := p.hello
	l := s.lineage()
	switch {
	case h.Inconsistent && h.Snapshot == nil: // it was about to begin: what it alone has may not be kept as divergent yet
		return s.transfer(ctx, p, nil, commonByEpochs(l.source.Epochs(), l.end, h))
	case h.Inconsistent && !h.Snapshot.Done:
		return s.transfer(ctx, p, h.Snapshot, h.End.Position.Sequence)
	}
	common, found, err := s.common(ctx, p, &l)
	if err != nil {
		return history.Mark{}, err
	}
	if !found || common < h.Stored.Position.Sequence {
		shared := common
		if !found {
			shared = commonByEpochs(l.source.Epochs(), l.end, h)
		}
		s.c.Logger.Warn("the other host can't go on from its history: it gets a copy", "host", p.c.Remote.Peer(),
			"position", h.End.Position, "stored", h.Stored.Position, "common", shared, "first", l.source.First())
		return s.transfer(ctx, p, nil, shared)
	}
	end := h.End
	if common < end.Position.Sequence || h.Broken != "" {
		d, _, err := l.digestAt(common)
		if err != nil {
			return history.Mark{}, err
		}
		if end, err = p.truncate(ctx, common, d); err != nil {
			return history.Mark{}, err
		}
		s.c.Logger.Warn("the other host dropped what only it had", "host", p.c.Remote.Peer(), "from", h.End.Position, "position", end.Position)
	}
	if h.Inconsistent { // all ranges are there, and perhaps it was not told so
		if _, err := ask(ctx, p, callSnapshotEnd, snapshotEndRequest{Term: p.term}); err != nil {
			return history.Mark{}, err
		}
	}
	if end.Position.Sequence < s.c.Source.Committed().Position.Sequence {
		switch err := s.pin(end); {
		case errors.Is(err, storage.ErrTrimmed):
			return s.transfer(ctx, p, nil, end.Position.Sequence)
		case err != nil:
			return history.Mark{}, err
		}
	}
	return end, nil
}

// fanOut is how many digests a round of the search asks for: a million entries are searched in four rounds.
const fanOut = 32

// common finds the last sequence at which both digests are equal. Not found: the histories that both still have do not
// reach back to such a place.
func (s *Sender) common(ctx context.Context, p *probe, l *lineage) (common uint64, found bool, err error) {
	hi := min(p.hello.End.Position.Sequence, l.end.Position.Sequence)
	lo := max(l.source.First(), p.hello.First, 1) - 1
	if hi < lo {
		return 0, false, nil
	}
	equal, err := s.equal(ctx, p, l, []uint64{lo, hi})
	switch {
	case err != nil:
		return 0, false, err
	case equal[1]:
		return hi, true, nil
	case !equal[0]:
		return 0, false, nil
	}
	for hi-lo > 1 { // equal at lo, different at hi
		var ask []uint64
		step := max((hi-lo)/fanOut, 1)
		for at := lo + step; at < hi; at += step {
			ask = append(ask, at)
		}
		if equal, err = s.equal(ctx, p, l, ask); err != nil {
			return 0, false, err
		}
		for i, same := range equal {
			if !same {
				hi = ask[i]
				break
			}
			lo = ask[i]
		}
	}
	return lo, true, nil
}

// equal compares digests at sequences.
func (s *Sender) equal(ctx context.Context, p *probe, l *lineage, sequences []uint64) ([]bool, error) {
	theirs, err := p.digests(ctx, sequences)
	if err != nil {
		return nil, err
	}
	equal := make([]bool, len(sequences))
	for i, at := range sequences {
		ours, ok, err := l.digestAt(at)
		if err != nil {
			return nil, err
		}
		equal[i] = ok && ours == theirs[i]
	}
	return equal, nil
}

// commonByEpochs gives the last sequence that two hosts have in common by the table of epoch starts, which is kept beyond
// trimming: an epoch has one history, so an epoch that both know to start at the same place with the same host is
// common as far as both have it. 0 when there is none. It is only used to tell what must be kept as divergent before a copy.
func commonByEpochs(ours []storage.EpochStart, end history.Mark, h helloReply) uint64 {
	lastOf := func(i, n int, start func(int) uint64, end uint64) uint64 {
		if i+1 < n {
			return start(i+1) - 1
		}
		return end
	}
	for i := len(h.Epochs) - 1; i >= 0; i-- {
		for k := len(ours) - 1; k >= 0; k-- {
			a, b := h.Epochs[i], ours[k]
			if a.Epoch == b.Epoch && a.Sequence == b.Sequence && a.Identity == b.Identity {
				return min(
					lastOf(i, len(h.Epochs), func(i int) uint64 { return h.Epochs[i].Sequence }, h.End.Position.Sequence),
					lastOf(k, len(ours), func(k int) uint64 { return ours[k].Sequence }, end.Position.Sequence))
			}
		}
	}
	return 0
}

// copy replaces the other host's database: ranges of keys, then the history since the copy's base. It goes on with one
// that was begun if its base is still in this host's history. Returns the base, from which history is sent.
func (s *Sender) transfer(ctx context.Context, p *probe, begun *snapshotPlace, common uint64) (history.Mark, error) {
	s.become(bus.PeerReceiving, nil)
	place, goesOn, err := s.resume(begun)
	if err != nil {
		return history.Mark{}, err
	}
	if !goesOn {
		if place, err = s.begin(ctx, p, common); err != nil {
			return history.Mark{}, err
		}
	}
	stats := s.c.Source.Stats()
	size := max(stats.FileBytes-int64(stats.FreePages)*4096, 1)
	for !place.Done {
		began := time.Now()
		part, err := s.c.Source.SnapshotRange(place.Cursor, rangeBytes)
		if err != nil {
			return history.Mark{}, fmt.Errorf("read range: %w", err)
		}
		raw, err := part.Encode()
		if err != nil {
			return history.Mark{}, fmt.Errorf("read range: %w", err)
		}
		a, err := ask(ctx, p, callSnapshotRange, snapshotRangeRequest{Term: p.term, Range: raw})
		if err != nil {
			return history.Mark{}, err
		}
		if !a.Place.Done && bytes.Equal(a.Place.Cursor, place.Cursor) {
			return history.Mark{}, fmt.Errorf("copy-range: %w: it stays at one place", bus.ErrMalformed)
		}
		place = snapshotPlace{Base: place.Base, Cursor: a.Place.Cursor, Done: a.Place.Done, Bytes: a.Place.Bytes}
		s.transferred(min(float64(place.Bytes)/float64(size), 0.99))
		if !place.Done {
			if err := pace.Rest(ctx, throttle*time.Since(began)); err != nil {
				return history.Mark{}, err
			}
		}
	}
	a, err := ask(ctx, p, callSnapshotEnd, snapshotEndRequest{Term: p.term})
	if err != nil {
		return history.Mark{}, err
	}
	if a.End != place.Base {
		return history.Mark{}, fmt.Errorf("copy-end: %w: it ends at %v, the copy's base is %v", bus.ErrMalformed, a.End.Position, place.Base.Position)
	}
	return place.Base, nil
}

// resume says whether a copy that was begun can go on: its base must be in this host's history, which is then pinned.
func (s *Sender) resume(begun *snapshotPlace) (place snapshotPlace, ok bool, err error) {
	if begun == nil {
		return place, false, nil
	}
	d, err := s.c.Source.DigestAt(begun.Base.Position.Sequence)
	if err == nil && d == begun.Base.Digest {
		err = s.pin(begun.Base)
		ok = err == nil
	}
	if errors.Is(err, storage.ErrTrimmed) || errors.Is(err, storage.ErrAbsent) {
		return place, false, nil
	}
	if err != nil {
		return place, false, fmt.Errorf("base of the copy: %w", err)
	}
	return *begun, ok, nil
}

// begin begins a copy at what bolt has applied now.
func (s *Sender) begin(ctx context.Context, p *probe, common uint64) (snapshotPlace, error) {
	base := s.c.Source.Applied()
	if err := s.pin(base); err != nil {
		return snapshotPlace{}, err
	}
	a, err := ask(ctx, p, callSnapshotBegin, snapshotBeginRequest{Term: p.term, Base: base, Common: common})
	return snapshotPlace{Base: base, Cursor: a.Place.Cursor, Done: a.Place.Done}, err
}

// pin keeps the history that follows a place until the other host is close. The error is storage.ErrTrimmed.
func (s *Sender) pin(base history.Mark) error {
	s.mu.Lock()
	has := s.unpin != nil && s.pinned.Position.Sequence <= base.Position.Sequence
	s.mu.Unlock()
	if has {
		return nil
	}
	release, err := s.c.Source.Pin(base.Position.Sequence + 1)
	if err != nil {
		return fmt.Errorf("keep the history from %v: %w", base.Position, err)
	}
	s.release()
	s.mu.Lock()
	s.unpin, s.pinned = release, base
	s.mu.Unlock()
	return nil
}
