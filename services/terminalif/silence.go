package terminalif

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

// A cut network says nothing, and what each session does by itself is slow, because there may be thousands. So a serving host
// asks a few terminals in turn, often: the cost does not depend on how many there are. If all of them are silent, more are
// asked, from all over the list. If these are silent too it is the network, and every session ends that nothing was heard of
// meanwhile; so a host that reaches nobody knows it within two seconds (T5).
//
// If some answer, the network is there, and who does not answer is slow, starved or alone: nobody gains by haste, and a
// session that is cut while its terminal is busy makes it busier. It is asked with patience.
const (
	probeEvery = 500 * time.Millisecond
	// probed is how many terminals are asked at a time, sampled how many before it is the network.
	probed  = 8
	sampled = 64
	// probeWithin only raises a suspicion; suspectWithin makes it certain when all are silent.
	probeWithin   = 500 * time.Millisecond
	suspectWithin = time.Second
	// patientWithin ends the session of one terminal.
	patientWithin = 5 * time.Second
	// starvedBy is how late this process may be woken before it takes its own slowness for the reason of a silence (T11). While
	// it waits for many it is woken each wakeEvery, and all that it was late is added up, half of the wait at most: a question
	// passes through several goroutines, and that the last of them is woken in time says nothing of the others.
	starvedBy = 250 * time.Millisecond
	wakeEvery = 50 * time.Millisecond
	// starvedTries bounds how often a starved process asks again.
	starvedTries = 3
)

// errSilent says that a terminal answered nothing, although its connection stands.
var errSilent = errors.New("silent")

// watchSilence looks for silence while there is a term, until ctx ends.
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
		if i.present() == nil {
			continue
		}
		var asked []*session
		asked, from = attachedFrom(i.roster.all(), from)
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
	attached := slices.DeleteFunc(slices.Clone(i.roster.all()), func(s *session) bool { return !s.attached() })
	asked := attached
	if len(attached) > sampled {
		asked = make([]*session, sampled)
		for n := range asked {
			asked[n] = attached[n*len(attached)/sampled]
		}
	}
	if silent := i.silentOf(ctx, asked, suspectWithin); len(silent) == 0 || len(silent) < len(asked) {
		return false
	}
	for _, s := range attached {
		if conn := s.warm(); conn != nil && conn.Heard().Before(began) {
			s.condemn(fmt.Errorf("%w: like all others, no answer within %v", errSilent, suspectWithin))
		}
	}
	return true
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
func (i *Interface) silentOf(ctx context.Context, asked []*session, within time.Duration) (silent []*session) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	quiet := map[*session]bool{}
	answers := make(chan *session, len(asked))
	for _, s := range asked {
		conn := s.warm()
		if conn == nil {
			continue
		}
		quiet[s] = true
		i.goroutines.Go(func() {
			if err := conn.FlushWithContext(ctx); err == nil || !errors.Is(err, context.DeadlineExceeded) {
				answers <- s // or its connection has ended, which says more
			}
		})
	}
	// One that can't even be written to takes longer to find that out than it is waited for here.
	waking := wakes{last: began}
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	for over := false; !over && len(quiet) > 0; {
		select {
		case s := <-answers:
			delete(quiet, s)
		case <-tick.C:
		case <-ctx.Done():
			over = true
		}
		waking.woken(time.Now())
	}
	for len(answers) > 0 { // they came in time, and this process was late
		delete(quiet, <-answers)
	}
	if waking.late > within/2 {
		return nil
	}
	return slices.Collect(maps.Keys(quiet))
}

// wakes adds up how late a goroutine was woken that wants to be each wakeEvery.
type wakes struct {
	last time.Time
	late time.Duration
}

func (w *wakes) woken(now time.Time) {
	w.late += max(now.Sub(w.last)-wakeEvery, 0)
	w.last = now
}

// suspect has the session find out soon whether its terminal is silent. It never blocks.
func (s *session) suspect() {
	select {
	case s.suspected <- struct{}{}:
	default:
	}
}

// confirm says hello to a terminal, as often as this process may be the reason why there is no answer. The error is
// errSilent, or that of the connection.
func (s *session) confirm(ctx context.Context, conn *wire.Conn, patience time.Duration) (welcome bus.AgentWelcome, err error) {
	for range starvedTries {
		began := time.Now()
		within, cancel := context.WithTimeout(ctx, patience)
		welcome, err = s.hello(within, conn)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return welcome, err
		}
		if time.Since(began) <= patience+starvedBy {
			break
		}
	}
	return welcome, fmt.Errorf("%w: no answer within %v", errSilent, patience)
}
