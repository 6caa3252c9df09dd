package terminalif

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

// A failed network gives no signal, and each session's own check is slow, because there may be thousands. So a host
// asks a few terminals in turn, often: the cost does not depend on their number. If all are silent, more are asked,
// from all over the list. If these are silent too the network has failed, and every session ends that received nothing
// meanwhile; so a host without any reachable terminal knows it within two seconds (T5).
//
// A standby does the same: the active hands over when it reaches no terminal and the standby reports that it does, so
// both have to know at the same time that all terminals are silent.
//
// If some answer, the network works, and a silent terminal is slow, starved or isolated: closing its session while it
// is busy makes it busier, so it is asked with patience.
const (
	probeEvery = 500 * time.Millisecond
	// probed is how many terminals are asked at a time, sampled how many before it is the network.
	probed  = 8
	sampled = 64
	// probeWithin only raises a suspicion; suspectWithin makes it certain when all are silent.
	probeWithin   = 500 * time.Millisecond
	suspectWithin = time.Second
)

// watchSilence looks for silence until ctx ends.
func (i *Interface) watchSilence(ctx context.Context) error {
	tick := time.NewTimer(pace.Next(probeEvery))
	defer tick.Stop()
	for from := 0; ; {
		select {
		case <-tick.C:
			tick.Reset(pace.Next(probeEvery))
		case <-ctx.Done():
			return ctx.Err()
		}
		var asked []*session
		asked, from = greetedFrom(i.roster.all(), from)
		silent := i.silentOf(ctx, asked, probeWithin)
		if len(silent) > 0 && len(silent) == len(asked) && i.nobodyAnswers(ctx) {
			continue
		}
		for _, s := range silent {
			s.suspect()
		}
	}
}

// nobodyAnswers asks terminals from all over the list. If none answers it ends the sessions of all that are silent, and
// reports it.
func (i *Interface) nobodyAnswers(ctx context.Context) bool {
	began := time.Now()
	greeted := slices.DeleteFunc(slices.Clone(i.roster.all()), func(s *session) bool { return s.warm() == nil })
	asked := greeted
	if len(greeted) > sampled {
		asked = make([]*session, sampled)
		for n := range asked {
			asked[n] = greeted[n*len(greeted)/sampled]
		}
	}
	if silent := i.silentOf(ctx, asked, suspectWithin); len(silent) == 0 || len(silent) < len(asked) {
		return false
	}
	for _, s := range greeted {
		if conn := s.warm(); conn != nil && conn.Heard().Before(began) {
			s.condemn(fmt.Errorf("%w: no answer within %v, like all other terminals", errSilent, suspectWithin))
		}
	}
	return true
}

// greetedFrom returns the next few sessions with a connection after a place in the list, and the place to continue at.
func greetedFrom(all []*session, from int) (some []*session, next int) {
	for n := range all {
		at := (from + n) % len(all)
		if all[at].warm() != nil {
			some = append(some, all[at])
		}
		if len(some) == probed {
			return some, at + 1
		}
	}
	return some, from
}

// silentOf asks terminals at the same time and returns those that did not answer, none if this process can't tell.
func (i *Interface) silentOf(ctx context.Context, asked []*session, within time.Duration) (silent []*session) {
	sessions := map[*wire.Conn]*session{}
	for _, s := range asked {
		if conn := s.warm(); conn != nil {
			sessions[conn] = s
		}
	}
	for _, conn := range wire.Silent(ctx, within, i.goroutines.Go, slices.Collect(maps.Keys(sessions))...) {
		silent = append(silent, sessions[conn])
	}
	return silent
}
