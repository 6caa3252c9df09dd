// Package rise answers which level the pair is at, and raises it: by an entry of the history, once both hosts know a newer one.
//
// It decides by what the other host said in its last hello; the updater has the term and commits the entry (Term).
package rise

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/replication"
)

// within bounds the wait for the entry: a frame that waits for the other host may take its patience.
const within = 8 * time.Second

// Term is the updater as it is needed here.
type Term interface {
	// Level is what the pair is at by the history of this host; 0 without one.
	Level() level.Level
	// Other is how far the other host is; false when this host does not serve.
	Other() (replication.PeerState, bool)
	// Rise has the entry taken into a frame from which on the pair is at a level. The answer is given once, from another
	// goroutine perhaps. The error says why it is not taken.
	Rise(to level.Level, answer func(bus.DatabaseReply)) error
}

// Remote is the other host.
type Remote interface {
	// Peer is its name, which a host may learn only when it meets it.
	Peer() string
}

// Levels answers for a host.
type Levels struct {
	Host   string
	Remote Remote
	Term   Term
}

// Answer has what main asks answered, each call in a goroutine of the group.
func (l Levels) Answer(r *bus.Router, group bus.Group) {
	bus.CallLevels.HandleIn(context.Background(), r, group, l.answer)
}

func (l Levels) answer(ctx context.Context, q bus.LevelsRequest) (bus.Levels, error) {
	other, serves := l.Term.Other()
	if !serves {
		return bus.Levels{}, fmt.Errorf("%w: this host does not serve", bus.ErrRefused)
	}
	found := l.found(other)
	switch {
	case !q.Rise || found.Hindered == "" && found.Next == found.Level:
		return found, nil
	case found.Hindered != "":
		return found, fmt.Errorf("%w: %s", bus.ErrRefused, found.Hindered)
	}
	if err := l.rise(ctx, found.Next); err != nil {
		return found, err
	}
	found.Level, found.Rose = found.Next, true
	return found, nil
}

// found is how it stands.
func (l Levels) found(other replication.PeerState) bus.Levels {
	own := level.Own()
	f := bus.Levels{Level: max(l.Term.Level(), own.Oldest), Host: l.Host, Levels: own, Peer: cmp.Or(l.Remote.Peer(), "the other host"), PeerLevels: other.Levels}
	f.Next = max(f.Level, own.Common(other.Levels))
	switch {
	case f.Level >= max(own.Newest, other.Levels.Newest):
		// nothing is above it
	case other.State == bus.PeerRefused:
		f.Hindered = fmt.Sprintf("%s can't join: %s", f.Peer, other.Reason)
	case other.State != bus.PeerAwaited:
		f.Hindered = fmt.Sprintf("%s is not in sync: the level rises only when both hosts are in sync and support it; start it, and wait until hotpair status shows both in sync", f.Peer)
	case f.Next == f.Level && own.Newest > f.Level:
		f.Hindered = fmt.Sprintf("%s supports %v, %s supports %v: upgrade %s first", f.Host, own, f.Peer, other.Levels, f.Peer)
	case f.Next == f.Level:
		f.Hindered = fmt.Sprintf("%s supports %v, %s supports %v: upgrade %s first", f.Peer, other.Levels, f.Host, own, f.Host)
	}
	return f
}

// rise waits until the entry is committed.
func (l Levels) rise(ctx context.Context, to level.Level) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	replied := make(chan bus.DatabaseReply, 1)
	if err := l.Term.Rise(to, func(r bus.DatabaseReply) { replied <- r }); err != nil {
		return fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	select {
	case r := <-replied:
		if r.Code != bus.CodeOK {
			return fmt.Errorf("%w: %s", bus.ErrRefused, r.Message)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("it is unknown whether the level rose: %w", context.Cause(ctx))
	}
}
