package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/pair"
)

// The first faults here do harm only one after the other, on the active host: chance alone seldom combines them.

// serving returns the host that serves now, or the given one if none does.
func (l *Lab) serving(ctx context.Context, otherwise string) string {
	if host, _ := l.Active(ctx); host != "" {
		return host
	}
	return otherwise
}

// cutActiveOff cuts the active off from the other host and from the witness, at slightly different moments, while the
// terminals keep asking it: what it acknowledged alone would be lost in the takeover.
func cutActiveOff(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host, hold := pick(r, pair.Hosts()), l.options.Lease+lasting(l, r)
	between := time.Duration(r.Int64N(int64(l.options.Lease) / 2))
	first, second := pair.Witness, ""
	if r.IntN(2) == 0 {
		first, second = second, first
	}
	how := []Cut{pick(r, Cuts()), pick(r, Cuts())}
	// One terminal may remain that only the active reaches, and that so does not learn of the next term.
	alone, left := pair.TerminalID(r.IntN(l.options.Terminals)), r.IntN(2) == 0
	return func(ctx context.Context) (injected, error) {
		active := l.serving(ctx, host)
		nodes := []string{first, second}
		for i, node := range nodes {
			if node == "" {
				nodes[i] = pair.Other(active)
			}
		}
		i := injected{fmt.Sprintf("cut active %s off from %s (%s), after %s from %s (%s)", active, nodes[0], how[0], between.Round(time.Millisecond), nodes[1], how[1]), hold,
			func(context.Context) error {
				return errors.Join(l.Join(Wire{active, nodes[0]}), l.Join(Wire{active, nodes[1]}), l.Join(Wire{pair.Other(active), alone}))
			}}
		var err error
		if left {
			i.what += ", with " + alone
			err = l.Cut(pair.Other(active), alone, Silent)
		}
		err = errors.Join(err, l.Cut(active, nodes[0], how[0]))
		_ = pace.Rest(ctx, between)
		return i, errors.Join(err, l.Cut(active, nodes[1], how[1]))
	}
}

// loseStandbyThenActive takes the standby away in one of several ways, kills the active a moment later, and returns
// the standby alone: it may serve only if nothing was acknowledged without it.
func loseStandbyThenActive(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host, hold := pick(r, pair.Hosts()), lasting(l, r)
	between := time.Duration(r.Int64N(int64(2 * l.options.Lease)))
	if r.IntN(2) == 0 {
		between /= 20 // before it is noticed
	}
	how := pick(r, []string{"kill", "freeze", "cut"})
	cut := pick(r, Cuts())
	return func(ctx context.Context) (injected, error) {
		active := l.serving(ctx, host)
		standby := pair.Other(active)
		var err, back error
		giveBack := func() error { return nil }
		switch how {
		case "kill":
			err, giveBack = l.Kill(ctx, standby), func() error { return l.Run(standby) }
		case "freeze":
			err, giveBack = l.Freeze(standby), func() error { return l.Thaw(standby) }
		case "cut":
			err, giveBack = l.Cut(active, standby, cut), func() error { return l.Join(Wire{pair.HostA, pair.HostB}) }
		}
		_ = pace.Rest(ctx, between)
		killed := l.Kill(ctx, active)
		back = giveBack()
		return injected{fmt.Sprintf("%s standby %s, after %s kill active %s, standby alone", how, standby, between.Round(time.Millisecond), active), hold,
			func(context.Context) error { return l.Run(active) }}, errors.Join(err, killed, back)
	}
}

// ofDisk is a fault of one host's disk.
func ofDisk(l *Lab, r *rand.Rand, what string, begin, end func(*Disk)) func(context.Context) (injected, error) {
	host, hold := pick(r, pair.Hosts()), lasting(l, r)
	return func(context.Context) (injected, error) {
		begin(l.options.Disks[host])
		return injected{what + " of " + host, hold, func(context.Context) error {
			end(l.options.Disks[host])
			return nil
		}}, nil
	}
}

func fillDisk(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return ofDisk(l, r, "full disk", func(d *Disk) { d.Fill(true) }, func(d *Disk) { d.Fill(false) })
}

func failSync(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return ofDisk(l, r, "failing fsync", func(d *Disk) { d.FailSync(true) }, func(d *Disk) { d.FailSync(false) })
}

func slowDisk(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	by := time.Duration(r.Int64N(int64(l.options.Patience)))
	if r.IntN(2) == 0 {
		by /= 50
	}
	return ofDisk(l, r, fmt.Sprintf("disk slower by %s", by.Round(time.Millisecond)), func(d *Disk) { d.Slow(by) }, func(d *Disk) { d.Slow(0) })
}
