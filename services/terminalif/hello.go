package terminalif

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/terminalif/probing"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

const (
	// helloEvery keeps a warm session known to be alive; the agent pushes changes, so this is only a check. All
	// sessions together send at most hellosPerSecond, so that thousands of them cost an idle host little; the kernel
	// notices an unreachable terminal earlier (wire/dialer.go).
	helloEvery      = 5 * time.Second
	hellosPerSecond = 50
	// patientWithin ends the session of one terminal.
	patientWithin = 5 * time.Second
	// starvedBy is how late this process may be woken before it takes its own slowness for the reason of a silence (T11), and
	// starvedTries bounds how often a starved process asks again.
	starvedBy    = 250 * time.Millisecond
	starvedTries = 3
)

var (
	// errGreeting says that another agent answered than the expected one.
	errGreeting = errors.New("the agent of another terminal")
	// errSilent says that a terminal does not answer, although its connection is up.
	errSilent = errors.New("silent")
)

// greeting is what this host says to every agent, on behalf of whichever process: the agent knows nothing else of the
// host.
func (i *Interface) greeting() bus.AgentHello {
	pair, identity := i.self()
	return bus.AgentHello{
		Levels: level.Own(), PairID: pair, Host: i.config.Host, Identity: identity, Incarnation: i.incarnation,
		Services: i.relay.services.catalogue(),
	}
}

// hello greets the agent or keeps the session up.
func (s *session) hello(ctx context.Context, conn wire.Asker) (bus.AgentWelcome, error) {
	var welcome bus.AgentWelcome
	asked := time.Now()
	err := wire.Call(ctx, conn, bus.SubjectAgentHello, s.owner.greeting(), &welcome)
	if err != nil {
		return welcome, err
	}
	apart := probing.Apart(welcome)
	switch {
	case welcome.Error != "":
		return welcome, fmt.Errorf("%w: %s", errGreeting, wire.Clip(welcome.Error))
	case apart != nil:
		return welcome, fmt.Errorf("%w: %w", errGreeting, apart)
	case welcome.Terminal != s.id:
		return welcome, fmt.Errorf("%w: its id is %q", errGreeting, wire.Clip(welcome.Terminal))
	}
	s.heard(welcome.Epoch)
	s.owner.directories.Note(s.id, welcome.Directory, time.Now())
	s.said(welcome.Active, welcome.Fresh, welcome.Recent, time.Since(asked))
	return welcome, nil
}

// helloPause is the time between two hellos of one session.
func (i *Interface) helloPause() time.Duration {
	return max(helloEvery, time.Duration(len(i.roster.all()))*time.Second/hellosPerSecond)
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
func (s *session) confirm(ctx context.Context, conn wire.Asker, patience time.Duration) (welcome bus.AgentWelcome, err error) {
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
