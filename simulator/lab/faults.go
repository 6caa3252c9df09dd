package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/simulator/pair"
)

// injected is a fault that has begun.
type injected struct {
	what string
	hold time.Duration                   // how long it lasts
	end  func(ctx context.Context) error // nil: it ends on its own
}

// fault is a kind of fault. draw makes all random choices, and touches nothing: one seed gives one sequence of
// faults. The returned function begins the fault.
type fault struct {
	name   string
	weight int
	draw   func(l *Lab, r *rand.Rand) func(ctx context.Context) (injected, error)
}

// faults are all kinds that Chaos draws from. Those of disks need disks.
func (l *Lab) faults() []fault {
	disks := 0
	if len(l.options.Disks) == len(pair.Hosts()) {
		disks = 6
	}
	return []fault{
		{"kill host", 10, killHost},
		{"kill both hosts", 4, killBoth},
		{"kill process", 14, killProcess},
		{"freeze host", 10, freezeHost},
		{"freeze process", 8, freezeProcess},
		{"stop host", 4, stopHost},
		{"restart storm", 4, restartStorm},
		{"kill witness", 6, killWitness},
		{"freeze witness", 3, freezeWitness},
		{"kill terminal", 3, killTerminal},
		{"freeze terminal", 3, freezeTerminal},
		{"cut wire", 18, cutWire},
		{"isolate node", 6, isolate},
		{"cut several wires", 6, cutSeveral},
		{"flap wire", 6, flapWire},
		{"full CPU load", 3, burn},
		{"switchover", 5, switchover},
		{"cut host off its terminals", 4, cutOffTerminals},
		{"cut active off", 8, cutActiveOff},
		{"lose standby, then active", 8, loseStandbyThenActive},
		{"full disk", disks, fillDisk},
		{"failing fsync", disks, failSync},
		{"slow disk", disks, slowDisk},
	}
}

// drawFault picks a kind by weight, and draws one.
func drawFault(l *Lab, r *rand.Rand) (string, func(context.Context) (injected, error)) {
	f := weighed(l.faults(), r)
	return f.name, f.draw(l, r)
}

// weighed picks a kind by weight.
func weighed(kinds []fault, r *rand.Rand) fault {
	sum := 0
	for _, f := range kinds {
		sum += f.weight
	}
	n := r.IntN(sum)
	for _, f := range kinds {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	panic("lab: weights")
}

// lasting draws how long a fault lasts: mostly about a lease, sometimes several.
func lasting(l *Lab, r *rand.Rand) time.Duration {
	most := 2 * l.options.Lease
	if r.IntN(4) == 0 {
		most *= 3
	}
	return 10*time.Millisecond + time.Duration(r.Int64N(int64(most)))
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// killTree kills a tree and starts it again at the fault's end.
func killTree(l *Lab, name string, hold time.Duration) func(context.Context) (injected, error) {
	return func(ctx context.Context) (injected, error) {
		return injected{"kill " + name, hold, func(context.Context) error { return l.Run(name) }}, l.Kill(ctx, name)
	}
}

func freezeTree(l *Lab, name string, hold time.Duration) func(context.Context) (injected, error) {
	return func(context.Context) (injected, error) {
		return injected{"freeze " + name, hold, func(context.Context) error { return l.Thaw(name) }}, l.Freeze(name)
	}
}

func killHost(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return killTree(l, pick(r, pair.Hosts()), lasting(l, r))
}

func killWitness(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return killTree(l, pair.Witness, lasting(l, r))
}

func killTerminal(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return killTree(l, pair.TerminalID(r.IntN(l.options.Terminals)), lasting(l, r)/2)
}

func freezeHost(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return freezeTree(l, pick(r, pair.Hosts()), l.options.Lease/2+lasting(l, r))
}

func freezeWitness(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return freezeTree(l, pair.Witness, lasting(l, r))
}

// freezeTerminal: its kernel still acknowledges the hosts' data, so no connection breaks.
func freezeTerminal(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return freezeTree(l, pair.TerminalID(r.IntN(l.options.Terminals)), lasting(l, r))
}

// killBoth: power lost on both sides; they come back at different times.
func killBoth(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	hold, first, between := lasting(l, r), pick(r, pair.Hosts()), time.Duration(r.Int64N(int64(l.options.Lease)))
	return func(ctx context.Context) (injected, error) {
		return injected{fmt.Sprintf("kill both hosts, %s returns first", first), hold, func(ctx context.Context) error {
			err := l.Run(first)
			_ = pace.Rest(ctx, between)
			return errors.Join(err, l.Run(pair.Other(first)))
		}}, l.Kill(ctx, pair.HostA, pair.HostB)
	}
}

// processesOfHost are those that are killed and frozen one by one.
func processesOfHost() []string {
	return []string{"supervisor", "main", "updater", "terminal-if", "business.kv", "business.ledger"}
}

func killProcess(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host, name, hold := pick(r, pair.Hosts()), pick(r, processesOfHost()), lasting(l, r)
	return func(context.Context) (injected, error) {
		i := injected{what: fmt.Sprintf("kill %s of %s", name, host)}
		if name == "supervisor" {
			i.hold, i.end = hold, func(context.Context) error { return l.Run(host) }
		}
		return i, l.Process(host, name, syscall.SIGKILL)
	}
}

func freezeProcess(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host, name, hold := pick(r, pair.Hosts()), pick(r, processesOfHost()), lasting(l, r)
	return func(context.Context) (injected, error) {
		return injected{fmt.Sprintf("freeze %s of %s", name, host), hold, func(context.Context) error {
			return l.Process(host, name, syscall.SIGCONT)
		}}, l.Process(host, name, syscall.SIGSTOP)
	}
}

func stopHost(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host, hold := pick(r, pair.Hosts()), lasting(l, r)
	return func(ctx context.Context) (injected, error) {
		err := l.Stop(ctx, host)
		if errors.Is(err, ErrNotGone) {
			l.say("%v", err) // other faults may prevent a clean end; then it was killed
			err = nil
		}
		return injected{"stop " + host, hold, func(context.Context) error { return l.Run(host) }}, err
	}
}

// restartStorm kills and starts a host several times in quick succession.
func restartStorm(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host := pick(r, pair.Hosts())
	var lives []time.Duration
	for range 3 + r.IntN(4) {
		lives = append(lives, time.Duration(r.Int64N(int64(600*time.Millisecond))))
	}
	return func(context.Context) (injected, error) {
		return injected{fmt.Sprintf("restart %s %d times", host, len(lives)), 0, func(ctx context.Context) error {
			for _, life := range lives {
				if err := errors.Join(l.Kill(ctx, host), l.Run(host)); err != nil {
					return err
				}
				_ = pace.Rest(ctx, life)
			}
			return nil
		}}, nil
	}
}

// cuts draws how to cut a wire, and from which end.
func drawCut(r *rand.Rand, w Wire) (from, to string, how Cut) {
	if r.IntN(2) == 0 {
		w.From, w.To = w.To, w.From
	}
	return w.From, w.To, pick(r, Cuts())
}

// cutWires cuts wires, each in its own way.
func cutWires(l *Lab, r *rand.Rand, what string, wires []Wire, hold time.Duration) func(context.Context) (injected, error) {
	type one struct {
		from, to string
		how      Cut
	}
	var list []one
	for _, w := range wires {
		from, to, how := drawCut(r, w)
		list = append(list, one{from, to, how})
	}
	return func(context.Context) (injected, error) {
		var failed []error
		for _, c := range list {
			what += fmt.Sprintf(" %s-%s %s", c.from, c.to, c.how)
			failed = append(failed, l.Cut(c.from, c.to, c.how))
		}
		return injected{what, hold, func(context.Context) error {
			var failed []error
			for _, w := range wires {
				failed = append(failed, l.Join(w))
			}
			return errors.Join(failed...)
		}}, errors.Join(failed...)
	}
}

// drawnWires contains the wires between hosts and witness as often as those to terminals.
func drawnWires(l *Lab) []Wire {
	wires := l.Wires()
	for len(wires) < 2*len(l.network.wires) {
		wires = append(wires, Wire{pair.HostA, pair.HostB}, Wire{pair.HostA, pair.Witness}, Wire{pair.HostB, pair.Witness})
	}
	return wires
}

func cutWire(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	return cutWires(l, r, "cut", []Wire{pick(r, drawnWires(l))}, lasting(l, r))
}

func isolate(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	node := pick(r, []string{pair.HostA, pair.HostB, pair.HostA, pair.HostB, pair.Witness, pair.TerminalID(r.IntN(l.options.Terminals))})
	return cutWires(l, r, "isolate "+node+":", l.network.wiresOf(node), lasting(l, r))
}

func cutOffTerminals(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host := pick(r, pair.Hosts())
	return cutWires(l, r, "cut "+host+" off its terminals:", l.network.toTerminals(host), 2*lasting(l, r))
}

// cutSeveral cuts any combination of wires.
func cutSeveral(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	var wires []Wire
	for len(wires) < 2 {
		wires = nil
		for _, w := range l.network.wires {
			if r.IntN(3) == 0 {
				wires = append(wires, w)
			}
		}
	}
	return cutWires(l, r, "cut", wires, lasting(l, r))
}

// flapWire cuts a wire and joins it, again and again.
func flapWire(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	w := pick(r, drawnWires(l))
	from, to, how := drawCut(r, w)
	var times []time.Duration
	for range 6 + r.IntN(10) {
		times = append(times, time.Duration(r.Int64N(int64(l.options.Lease)/2)))
	}
	return func(context.Context) (injected, error) {
		return injected{fmt.Sprintf("flap %s-%s %s, %d times", from, to, how, len(times)/2), 0, func(ctx context.Context) error {
			for i, d := range times {
				var err error
				if i%2 == 0 {
					err = l.Cut(from, to, how)
				} else {
					err = l.Join(w)
				}
				if err != nil {
					return err
				}
				_ = pace.Rest(ctx, d)
			}
			return l.Join(w)
		}}, nil
	}
}

// burners is how many endless loops use the CPU: more than the processors of a small machine.
const burners = 6

func burn(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	hold := l.options.Lease + time.Duration(r.Int64N(int64(2*l.options.Lease)))
	return func(context.Context) (injected, error) {
		var children []*process.Child
		end := func(context.Context) error {
			var failed []error
			for _, c := range children {
				failed = append(failed, c.Kill())
				c.Wait()
			}
			return errors.Join(failed...)
		}
		for range burners {
			c, err := process.Start(process.Spec{Name: "burner", Path: "/bin/sh", Args: []string{"-c", "while :; do :; done"}, Environ: os.Environ()})
			if err != nil {
				return injected{}, errors.Join(err, end(nil))
			}
			children = append(children, c)
		}
		return injected{"full CPU load", hold, end}, nil
	}
}

// switchover requests one; other faults may prevent it.
func switchover(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host := pick(r, pair.Hosts())
	return func(context.Context) (injected, error) {
		return injected{"switchover asked of " + host, 0, func(ctx context.Context) error {
			if err := l.Switchover(ctx, host); err != nil {
				l.say("%v", err)
			}
			return nil
		}}, nil
	}
}
