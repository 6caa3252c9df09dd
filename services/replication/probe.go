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
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// callTimeout bounds a call that writes little: the other side's disk may stall, its connection tells when it is dead.
const callTimeout = 30 * time.Second

// probe is one session of calls to the other host, begun by its hello.
type probe struct {
	c     SenderConfig
	conn  *bus.Conn
	term  journal.Term
	hello helloReply
}

// newProbe takes a new session number, durably, and says hello.
func newProbe(ctx context.Context, c SenderConfig, conn *bus.Conn) (*probe, error) {
	var facts storage.FactsData
	err := c.Facts.Update(func(d *storage.FactsData) error {
		d.Session++
		facts = *d
		return nil
	})
	if err != nil {
		return nil, fatal{fmt.Errorf("number of the replication session: %w", err)}
	}
	p := &probe{c: c, conn: conn, term: journal.Term{Epoch: c.Epoch, Session: facts.Session}}
	q := helloRequest{
		Version:   bus.Version,
		Host:      facts.Host,
		Identity:  facts.Identity,
		To:        c.Remote.Peer(),
		PairID:    facts.PairID,
		Term:      p.term,
		Committed: c.Source.Committed().Position,
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	defer waitFor(ctx, conn, suspectAfter, 0)()
	reply, err := conn.Request(ctx, bus.ReplicationCall(c.Remote.Peer(), callHello), bus.EncodeJSON(q))
	if err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	if err := bus.DecodeJSON(reply.Data, &p.hello); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	if err := p.hello.refused(); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	switch a := p.hello; {
	case a.Version != bus.Version:
		return nil, fmt.Errorf("hello: %w: %d, this host speaks %d", bus.ErrVersion, a.Version, bus.Version)
	case a.Host != c.Remote.Peer() || a.Identity == facts.Identity || a.PairID != facts.PairID:
		return nil, fmt.Errorf("hello: %w: %q of pair %q answers for %q of pair %q", ErrForeign, a.Host, a.PairID, c.Remote.Peer(), facts.PairID)
	}
	return p, nil
}

// call makes one call of the session. It has no deadline of its own beyond callTimeout: it ends with the connection.
func (p *probe) call(ctx context.Context, name string, q any, a answer) error {
	return p.callFor(ctx, 0, name, q, a)
}

// callFor is call with an answer of up to so many bytes.
func (p *probe) callFor(ctx context.Context, large int, name string, q any, a answer) error {
	raw, err := bus.Encode(q)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	defer waitFor(ctx, p.conn, suspectAfter, len(raw)+large)()
	reply, err := p.conn.Request(ctx, bus.ReplicationCall(p.c.Remote.Peer(), name), raw)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := bus.Decode(reply.Data, a); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := a.refused(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (p *probe) digests(ctx context.Context, sequences []uint64) ([]storage.Digest, error) {
	var a digestsReply
	if err := p.call(ctx, callDigests, digestsRequest{Term: p.term, Sequences: sequences}, &a); err != nil {
		return nil, err
	}
	if len(a.Digests) != len(sequences) {
		return nil, fmt.Errorf("%s: %w: %d digests for %d sequences", callDigests, bus.ErrMalformed, len(a.Digests), len(sequences))
	}
	return a.Digests, nil
}

// cut drops the other host's tail beyond a common sequence.
func (p *probe) cut(ctx context.Context, sequence uint64, d storage.Digest) (storage.Mark, error) {
	var a placeReply
	err := p.call(ctx, callCut, placeRequest{Term: p.term, Sequence: sequence, Digest: d}, &a)
	return a.End, err
}

// open opens the other host's journal for the session, at its end.
func (p *probe) open(ctx context.Context, end storage.Mark) (journal.Credentials, error) {
	var a placeReply
	err := p.call(ctx, callOpen, placeRequest{Term: p.term, Sequence: end.Position.Sequence, Digest: end.Digest}, &a)
	switch {
	case err != nil:
		return journal.Credentials{}, err
	case a.End != end || a.Credentials == nil:
		return journal.Credentials{}, fmt.Errorf("%s: %w: it ends at %v, not at %v", callOpen, bus.ErrMalformed, a.End.Position, end.Position)
	}
	return *a.Credentials, nil
}

func (p *probe) note(ctx context.Context, upTo uint64, m membership.Note) error {
	var a placeReply
	return p.call(ctx, callNote, noteRequest{Term: p.term, UpTo: upTo, Membership: m}, &a)
}

func (p *probe) committed(ctx context.Context, committed position.Position) error {
	var a placeReply
	return p.call(ctx, callCommitted, committedRequest{Term: p.term, Committed: committed}, &a)
}

// entries reads what the other host has above a sequence, up to its end.
func (p *probe) entries(ctx context.Context, after storage.Mark, end storage.Mark) ([]storage.Stored, error) {
	var all []storage.Stored
	at := after
	for at.Position.Sequence < end.Position.Sequence {
		var a entriesReply
		if err := p.callFor(ctx, historyBytes, callEntries, entriesRequest{Term: p.term, After: at.Position.Sequence, MaxBytes: historyBytes}, &a); err != nil {
			return nil, err
		}
		if len(a.Entries) == 0 {
			return nil, fmt.Errorf("%s: %w: nothing after %v, it ends at %v", callEntries, storage.ErrGap, at.Position, end.Position)
		}
		for _, raw := range a.Entries {
			e, err := storage.ReadStored(at.Digest, raw)
			if err == nil {
				err = e.Follows(at)
			}
			if err != nil {
				return nil, fmt.Errorf("%s after %v: %w", callEntries, at.Position, err)
			}
			all, at = append(all, e), e.Mark()
		}
	}
	if at != end {
		return nil, fmt.Errorf("%s: %w: they end at %v with %v, not at %v with %v", callEntries, storage.ErrDiverged, at.Position, at.Digest, end.Position, end.Digest)
	}
	return all, nil
}

// PeerTail is what the other host's journal holds beyond a mark of ours.
type PeerTail struct {
	// End is the end of its history.
	End storage.Mark
	// Entries follow the mark that was asked for; empty when it has nothing beyond it, or another history.
	Entries []storage.Stored
	// Diverged says that it does not have that mark, although its history is as long: another one.
	Diverged bool
}

// ReadPeer fences the other host's journal for a new session of the epoch and reads what it has beyond end: an updater that
// starts within a term adopts it before it goes on (V2). It waits for the connection, and tries again what a lost one or a
// moment's refusal ended, until ctx ends. Of c it needs Remote, Source, Facts and Epoch. Errors that more trying does
// not mend are returned at once: ErrForeign, ErrStale, bus.ErrVersion.
func ReadPeer(ctx context.Context, c SenderConfig, end storage.Mark) (PeerTail, error) {
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		tail, err := readPeer(ctx, c, end)
		var f fatal
		switch {
		case err == nil:
			return tail, nil
		case errors.As(err, &f):
			return PeerTail{}, f.error
		case errors.Is(err, ErrForeign), errors.Is(err, ErrStale), errors.Is(err, bus.ErrVersion):
			return PeerTail{}, fmt.Errorf("read the other host's tail: %w", err)
		}
		if pace.Rest(ctx, wait) != nil {
			return PeerTail{}, fmt.Errorf("read the other host's tail: %w: %w", context.Cause(ctx), err)
		}
	}
}

func readPeer(ctx context.Context, c SenderConfig, end storage.Mark) (PeerTail, error) {
	conn, err := c.Remote.Await(ctx)
	if err != nil {
		return PeerTail{}, err
	}
	p, err := newProbe(ctx, c, conn)
	if err != nil {
		return PeerTail{}, err
	}
	tail := PeerTail{End: p.hello.End}
	if tail.End.Position.Sequence < end.Position.Sequence {
		return tail, nil
	}
	d, err := p.digests(ctx, []uint64{end.Position.Sequence})
	switch {
	case err != nil:
		return PeerTail{}, err
	case d[0] != end.Digest:
		tail.Diverged = true
		return tail, nil
	}
	tail.Entries, err = p.entries(ctx, end, tail.End)
	return tail, err
}
