package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/wallclock"
)

// movesEvery is how often processes that have been started since are given their host's clock. A process has the machine's
// for so long after its start, which is what one finds whose clock is set just then.
const movesEvery = 10 * time.Millisecond

// MoveClock sets the wall clock of a node, as far ahead of this machine's as it says, to the second, in all its processes: in those that run, in
// the middle of whatever they do, and in those that are started later, an instant after their start.
func (l *Lab) MoveClock(name string, ahead time.Duration) error {
	l.say("the clock of %s is set %s ahead", name, ahead)
	l.clocks.mu.Lock()
	if l.clocks.of == nil {
		l.clocks.of = map[string]*moved{}
		ctx, cancel := context.WithCancel(context.Background())
		l.clocks.stop = cancel
		l.clocks.keeping.Go(func() { l.keepClocks(ctx) })
	}
	if l.clocks.of[name] == nil {
		l.clocks.of[name] = &moved{}
	}
	l.clocks.of[name].ahead = ahead
	l.clocks.mu.Unlock()
	return l.moveClocks(name)
}

// keepClocks gives those a clock that were started since.
func (l *Lab) keepClocks(ctx context.Context) {
	for pace.Rest(ctx, movesEvery) == nil {
		l.clocks.mu.Lock()
		var names []string
		for name := range l.clocks.of {
			names = append(names, name)
		}
		l.clocks.mu.Unlock()
		for _, name := range names {
			if err := l.moveClocks(name); err != nil {
				l.say("%v", err)
				l.clocks.mu.Lock()
				l.clocks.failed = errors.Join(l.clocks.failed, err)
				l.clocks.mu.Unlock()
				return
			}
		}
	}
}

// moveClocks gives all processes of a node its clock that have another one.
func (l *Lab) moveClocks(name string) error {
	members, err := l.trees[name].members()
	if err != nil {
		return err
	}
	l.clocks.mu.Lock()
	defer l.clocks.mu.Unlock()
	m := l.clocks.of[name]
	has := map[member]time.Duration{} // those that have ended are left out
	for _, p := range members {
		if at, ok := m.has[p]; ok && at == m.ahead {
			has[p] = at
			continue
		}
		switch err := wallclock.Set(p.pid, m.ahead); {
		case errors.Is(err, wallclock.ErrGone):
		case err != nil:
			return fmt.Errorf("clock of %s of %s: %w", p.name, name, err)
		default:
			has[p] = m.ahead
		}
	}
	m.has = has
	return nil
}

// endClocks leaves all clocks as they are.
func (l *Lab) endClocks() error {
	l.clocks.mu.Lock()
	stop := l.clocks.stop
	l.clocks.mu.Unlock()
	if stop != nil {
		stop()
		l.clocks.keeping.Wait()
	}
	l.clocks.mu.Lock()
	defer l.clocks.mu.Unlock()
	return l.clocks.failed
}

// moved is how far the wall clock of a node is ahead, and those of its processes. They are known by name too: a process that becomes another program
// by exec(2) has the machine's clock again.
type moved struct {
	ahead time.Duration
	has   map[member]time.Duration
}
