package replication

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
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
	var own facts.Data
	err := c.Facts.Update(func(d *facts.Data) error {
		d.Session++
		own = *d
		return nil
	})
	if err != nil {
		return nil, fatal{fmt.Errorf("number of the replication session: %w", err)}
	}
	p := &probe{c: c, conn: conn, term: journal.Term{Epoch: c.Epoch, Session: own.Session}}
	p.hello, err = ask(ctx, p, callHello, helloRequest{
		Levels:    level.Own(),
		Level:     c.Level(),
		Host:      own.Host,
		Identity:  own.Identity,
		To:        c.Remote.Peer(),
		PairID:    own.PairID,
		Term:      p.term,
		Committed: c.Source.Committed().Position,
	})
	_, apart := level.Meet(level.Party{Name: own.Host, Range: level.Own(), At: c.Level()}, level.Party{Name: c.Remote.Peer(), Range: p.hello.Levels, At: p.hello.Level})
	switch a := p.hello; {
	case errors.Is(err, ErrStale):
		return nil, &staleError{error: err, known: a.Epoch}
	case errors.Is(err, ErrSession) && a.Fence.Epoch == c.Epoch:
		return nil, errors.Join(err, p.above(a.Fence.Session))
	case err != nil:
		return nil, err
	case apart != nil:
		return nil, fmt.Errorf("hello: %w", apart)
	case a.Host != c.Remote.Peer() || a.Identity == own.Identity || a.PairID != own.PairID:
		return nil, fmt.Errorf("hello: %w: %q of pair %q answers for %q of pair %q", ErrForeign, a.Host, a.PairID, c.Remote.Peer(), own.PairID)
	}
	return p, nil
}

// above has the next session be above one that the other host's journal is fenced for, and that this host does not know of: somebody else
// has said hello in its name, or its data directory is older than that.
func (p *probe) above(session uint64) error {
	err := p.c.Facts.Update(func(d *facts.Data) error {
		d.Session = membership.Toward(d.Session, session)
		return nil
	})
	if err != nil {
		return fatal{fmt.Errorf("number of the replication session: %w", err)}
	}
	return nil
}

// ask makes one call of the session. It has no deadline of its own beyond callTimeout: it ends with the connection.
func ask[Q, A any](ctx context.Context, p *probe, call func(host string) bus.Endpoint[Q, A], q Q) (A, error) {
	return askFor(ctx, 0, p, call, q)
}

// askFor is ask with an answer of up to so many bytes.
func askFor[Q, A any](ctx context.Context, large int, p *probe, call func(host string) bus.Endpoint[Q, A], q Q) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	e := call(p.c.Remote.Peer())
	a, err := e.Ask(ctx, watching{conn: p.conn, large: large}, q)
	if err == nil {
		return a, nil
	}
	name := e.Subject()[strings.LastIndexByte(e.Subject(), '.')+1:]
	if fault.Remote(err) {
		return a, fmt.Errorf("%s: the other host says: %w", name, err)
	}
	return a, fmt.Errorf("%s: %w", name, err)
}

func (p *probe) digests(ctx context.Context, sequences []uint64) ([]history.Digest, error) {
	a, err := ask(ctx, p, callDigests, digestsRequest{Term: p.term, Sequences: sequences})
	switch {
	case err != nil:
		return nil, err
	case len(a.Digests) != len(sequences):
		return nil, fmt.Errorf("digests: %w: %d for %d sequences", bus.ErrMalformed, len(a.Digests), len(sequences))
	}
	return a.Digests, nil
}

// truncate drops the other host's tail beyond a common sequence.
func (p *probe) truncate(ctx context.Context, sequence uint64, d history.Digest) (history.Mark, error) {
	a, err := ask(ctx, p, callTruncate, placeRequest{Term: p.term, Sequence: sequence, Digest: d})
	return a.End, err
}

// open opens the other host's journal for the session, at its end.
func (p *probe) open(ctx context.Context, end history.Mark) (journal.Credentials, error) {
	a, err := ask(ctx, p, callOpen, placeRequest{Term: p.term, Sequence: end.Position.Sequence, Digest: end.Digest})
	switch {
	case errors.Is(err, ErrStale):
		return journal.Credentials{}, &staleError{error: err, known: a.Epoch}
	case err != nil:
		return journal.Credentials{}, err
	case a.End != end || a.Credentials.User == "":
		return journal.Credentials{}, fmt.Errorf("open: %w: it ends at %v, not at %v", bus.ErrMalformed, a.End.Position, end.Position)
	}
	return a.Credentials, nil
}

func (p *probe) note(ctx context.Context, upTo uint64, m membership.Note) error {
	_, err := ask(ctx, p, callNote, noteRequest{Term: p.term, UpTo: upTo, Membership: m})
	return err
}

func (p *probe) committed(ctx context.Context, committed position.Position) error {
	_, err := ask(ctx, p, callCommitted, committedRequest{Term: p.term, Committed: committed})
	return err
}

// entries reads what the other host has above a sequence, up to its end.
func (p *probe) entries(ctx context.Context, after history.Mark, end history.Mark) ([]history.Stored, error) {
	var all []history.Stored
	at := after
	for at.Position.Sequence < end.Position.Sequence {
		a, err := askFor(ctx, historyBytes, p, callEntries, entriesRequest{Term: p.term, After: at.Position.Sequence, MaxBytes: historyBytes})
		if err != nil {
			return nil, err
		}
		if len(a.Entries) == 0 {
			return nil, fmt.Errorf("entries: %w: nothing after %v, it ends at %v", storage.ErrGap, at.Position, end.Position)
		}
		for _, raw := range a.Entries {
			e, err := history.ReadStored(at.Digest, raw)
			if err == nil {
				err = e.Follows(at)
			}
			if err != nil {
				return nil, fmt.Errorf("entries after %v: %w", at.Position, err)
			}
			all, at = append(all, e), e.Mark()
		}
	}
	if at != end {
		return nil, fmt.Errorf("entries: %w: they end at %v with %v, not at %v with %v", storage.ErrDiverged, at.Position, at.Digest, end.Position, end.Digest)
	}
	return all, nil
}

// PeerTail is what the other host's journal holds beyond a mark of this host.
type PeerTail struct {
	// End is the end of its history.
	End history.Mark
	// Entries follow the mark that was asked for; empty when it has nothing beyond it, or another history.
	Entries []history.Stored
	// Diverged says that it does not have that mark, although its history is as long: another one.
	Diverged bool
}

// ReadPeer fences the other host's journal for a new session of the epoch and reads what it has beyond end: an updater
// that starts within a term adopts it before it continues (V2). It waits for the connection, and tries again what a
// lost one or a temporary refusal ended, until ctx ends. Of c it needs Remote, Source, Facts and Epoch. Errors that
// more tries do not repair are returned at once: ErrForeign, ErrStale, level.ErrApart.
func ReadPeer(ctx context.Context, c SenderConfig, end history.Mark) (PeerTail, error) {
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		tail, err := readPeer(ctx, c, end)
		var f fatal
		switch {
		case err == nil:
			return tail, nil
		case errors.As(err, &f):
			return PeerTail{}, f.error
		case errors.Is(err, ErrForeign), errors.Is(err, ErrStale), errors.Is(err, level.ErrApart):
			return PeerTail{}, fmt.Errorf("read the other host's tail: %w", err)
		}
		if pace.Rest(ctx, wait) != nil {
			return PeerTail{}, fmt.Errorf("read the other host's tail: %w: %w", context.Cause(ctx), err)
		}
	}
}

func readPeer(ctx context.Context, c SenderConfig, end history.Mark) (PeerTail, error) {
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
