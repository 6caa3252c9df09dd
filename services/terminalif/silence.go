package terminalif

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// A cut network says nothing, and what each session does by itself is slow, because there may be thousands. So a serving host
// asks a few terminals in turn, often: the cost does not depend on how many there are. If all of them are silent it is the
// network, and every session is asked at once; so a host that reaches nobody knows it within two seconds (T5).
const (
	probeEvery = 500 * time.Millisecond
	// probed is how many terminals are asked at a time.
	probed = 8
	// probeWithin only raises a suspicion, which costs one question; suspectWithin ends a session.
	probeWithin   = 500 * time.Millisecond
	suspectWithin = time.Second
	// starvedBy is how late this process may be woken before it takes its own slowness for the reason of a silence (T11).
	starvedBy = 250 * time.Millisecond
	// starvedTries bounds how often a starved process asks again.
	starvedTries = 3
)

// errSilent says that a terminal answered nothing, although its connection stands.
var errSilent = errors.New("silent")

// watchSilence looks for silence while there is a term, until ctx ends.
func (i *Interface) watchSilence(ctx context.Context) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for from := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if i.present() == nil {
			continue
		}
		all := i.roster.all()
		var asked []*session
		asked, from = attachedFrom(all, from)
		silent := silentOf(ctx, asked)
		if len(silent) > 0 && len(silent) == len(asked) {
			silent = all
		}
		for _, s := range silent {
			s.suspect()
		}
	}
}

// attachedFrom gives the next few attached sessions behind a place in the list, and the place to go on at.
func attachedFrom(all []*session, from int) (some []*session, next int) {
	for n := range all {
		at := (from + n) % len(all)
		if all[at].attached() {
			some = append(some, all[at])
		}
		if len(some) == probed {
			return some, at + 1
		}
	}
	return some, from
}

// silentOf asks terminals at the same time and gives those that did not answer. A process that was not woken in time
// can't tell, and gives none.
func silentOf(ctx context.Context, asked []*session) (silent []*session) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, s := range asked {
		conn := s.warm()
		if conn == nil {
			continue
		}
		asking.Go(func() {
			if err := conn.FlushWithContext(ctx); errors.Is(err, context.DeadlineExceeded) {
				mu.Lock()
				defer mu.Unlock()
				silent = append(silent, s)
			}
		})
	}
	asking.Wait()
	if time.Since(began) > probeWithin+starvedBy {
		return nil
	}
	return silent
}

// suspect has the session find out soon whether its terminal is silent. It never blocks.
func (s *session) suspect() {
	select {
	case s.suspected <- struct{}{}:
	default:
	}
}

// confirm says hello to a terminal that is suspected. The error is errSilent, or that of the connection.
func (s *session) confirm(ctx context.Context, conn *bus.Conn) (welcome bus.AgentWelcome, err error) {
	for range starvedTries {
		began := time.Now()
		within, cancel := context.WithTimeout(ctx, suspectWithin)
		welcome, err = s.hello(within, conn)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return welcome, err
		}
		if time.Since(began) <= suspectWithin+starvedBy {
			break
		}
	}
	return welcome, fmt.Errorf("%w: no answer within %v", errSilent, suspectWithin)
}
