// Package probing dials a terminal like a session would, and reports what answers.
package probing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

// Within bounds the hello of a terminal that was just dialled.
const Within = 2 * time.Second

// Terminal is one terminal to dial.
type Terminal struct {
	ID, URL, Key string
}

// Prober dials terminals for one host.
type Prober struct {
	Host    string
	Dialer  *wire.Dialer
	Network func(id string) bus.Network
	// Greeting is the host's hello to every agent.
	Greeting func() bus.AgentHello
}

// Apart returns why this host and the agent that welcomes it have no level in common.
func Apart(w bus.AgentWelcome) error {
	_, err := level.Meet(level.This("this host"), level.Party{Name: "the agent", Range: w.Levels})
	return err
}

// Probe dials one terminal on a connection of its own and greets it, which changes nothing there. epoch is the highest
// that the host has seen; 0 reports no higher one.
func (p *Prober) Probe(ctx context.Context, t Terminal, epoch uint64) bus.TerminalProbe {
	r := bus.TerminalProbe{ID: t.ID, Address: t.URL}
	ctx, cancel := context.WithTimeout(ctx, 2*Within)
	defer cancel()
	dial := p.Dialer.Attempt(ctx)
	conn, err := dial.Connect(wire.Config{Name: p.Host + " probe", URL: t.URL, Password: t.Key, Network: p.Network(t.ID), Complaint: func(error) {}})
	if err != nil {
		r.Outcome, r.Detail = dial.Judge(err)
		return r
	}
	defer conn.Close()
	var welcome bus.AgentWelcome
	began := time.Now()
	ctx, answered := context.WithTimeout(ctx, Within)
	defer answered()
	err = wire.Call(ctx, conn, bus.SubjectAgentHello, p.Greeting(), &welcome)
	r.RTT = time.Since(began)
	if err != nil {
		r.Outcome, r.Detail = outcomeOfCall(cmp.Or(dial.Reason(), err))
		return r
	}
	r.Epoch, r.Active, r.Fresh = welcome.Epoch, wire.Clip(welcome.Active), welcome.Fresh
	apart := Apart(welcome)
	switch {
	case apart != nil:
		r.Outcome, r.Detail = bus.ProbeVersion, apart.Error()
	case welcome.Terminal != t.ID:
		r.Outcome, r.Detail = bus.ProbeOtherAgent, fmt.Sprintf("its id is %q", wire.Clip(welcome.Terminal))
	case welcome.Error != "":
		r.Outcome, r.Detail = bus.ProbeOtherPair, wire.Clip(welcome.Error)
	case epoch > 0 && welcome.Epoch > epoch:
		r.Outcome, r.Detail = bus.ProbeHigherEpoch, fmt.Sprintf("it has accepted epoch %d, this host has seen epoch %d", welcome.Epoch, epoch)
	default:
		r.Outcome = bus.ProbeOK
	}
	return r
}

// outcomeOfCall judges a greeting that got no welcome.
func outcomeOfCall(err error) (outcome, detail string) {
	switch {
	case errors.Is(err, wire.ErrHostile):
		return bus.ProbeNoAgent, wire.Clip(err.Error())
	case errors.Is(err, bus.ErrNobody):
		return bus.ProbeNoAgent, "a NATS server without an agent"
	case errors.Is(err, context.DeadlineExceeded):
		return bus.ProbeTimeout, fmt.Sprintf("connected, but no answer within %s", Within)
	}
	return bus.ProbeTimeout, wire.Clip(err.Error())
}
