package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/wallclock"
)

// movesEvery is how often new processes get their host's clock. For this long after its start a process has the
// machine's clock, like one that starts just when the clock is set.
const movesEvery = 10 * time.Millisecond

// MoveClock sets the wall clock of a node ahead of this machine's, to the second, in all its processes: in the
// running ones at any point of their work, and in later ones shortly after their start.
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

// keepClocks sets the clock of new processes.
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

// moveClocks sets the clock of all processes of a node that have another one.
func (l *Lab) moveClocks(name string) error {
	members, err := l.trees[name].members()
	if err != nil {
		return err
	}
	l.clocks.mu.Lock()
	defer l.clocks.mu.Unlock()
	m := l.clocks.of[name]
	has := map[member]time.Duration{} // ended ones are omitted
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

// endClocks stops moving clocks.
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

// moved is the offset of a node's wall clock, and of its processes. They are identified by name too: a process that
// becomes another program by exec(2) has the machine's clock again.
type moved struct {
	ahead time.Duration
	has   map[member]time.Duration
}
