package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/bench/subject"
	"github.com/hotpair/hotpair/simulator/lab"
	"github.com/hotpair/hotpair/simulator/pair"
)

// onCables plays some trials of the kinds that cut wires, in a lab where each host, the witness and each terminal has a network
// of its own.
func (t *takeoverBench) onCables(ctx context.Context, r *run, terminals int, kinds []string, from, to int) (err error) {
	if err := lab.Available(); err != nil {
		r.say("SKIPPED, NOTHING OF THIS WAS MEASURED: %v: %v", kinds, err)
		r.result.Note("%v were not played: %v", kinds, err)
		return nil
	}
	dir, err := os.MkdirTemp("", "hotpair-bench-")
	if err != nil {
		return fmt.Errorf("directory of the lab: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r.say("starting a lab with %d terminals", terminals)
	l, err := lab.Start(ctx, lab.Options{Binary: r.binary, Dir: dir, Terminals: terminals, Lease: t.lease})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.Heal(ctx); err != nil {
		return err
	}
	w := &workers{}
	defer w.close()
	inside := func(i int) []nats.Option {
		return []nats.Option{nats.SetCustomDialer(l.Dialer(pair.TerminalID(i % terminals)))}
	}
	if err := w.connect([]string{lab.TerminalAddress}, t.clients, terminals, inside); err != nil {
		return err
	}
	w.begin(ctx)
	for trial := from; trial < to; trial++ {
		for _, kind := range kinds {
			if err := t.bear(ctx, r, kind, trial, t.cutTrial(ctx, r, l, w, kind, terminals, trial)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *takeoverBench) cutTrial(ctx context.Context, r *run, l *lab.Lab, w *workers, kind string, terminals, trial int) error {
	if err := l.Heal(ctx); err != nil {
		return err
	}
	active, before := l.Active(ctx)
	// The standby's warm sessions come after its being in sync.
	warm := func() bool {
		s, err := l.Status(ctx, pair.Other(active))
		return err == nil && s.Fit && s.Terminals.Warm == terminals
	}
	if err := l.Await(ctx, subject.ReadyWithin, "standby with all terminals warm", warm); err != nil {
		return err
	}
	wires := []lab.Wire{{From: active, To: pair.Other(active)}}
	if kind == kindIsolated {
		wires = append(wires, lab.Wire{From: active, To: pair.Witness})
		for i := range terminals {
			wires = append(wires, lab.Wire{From: active, To: pair.TerminalID(i)})
		}
	}
	o := observed{kind: kind, terminals: terminals, served: t.served(), trial: trial}
	err := o.watch(ctx, w, t.window(true, terminals), func() error {
		// All at once: a machine whose power fails loses its wires at the same moment.
		var cutting errgroup.Group
		for _, wire := range wires {
			cutting.Go(func() error { return l.Cut(wire.From, wire.To, lab.Silent) })
		}
		return cutting.Wait()
	})
	if err != nil {
		return err
	}
	var events []operator.Event
	for _, host := range pair.Hosts() {
		if s, err := l.Status(ctx, host); err == nil {
			events = append(events, s.Events...)
		}
	}
	now, after := l.Active(ctx)
	if moved := now != active || after.Epoch > before.Epoch; moved != (kind == kindIsolated) {
		return fmt.Errorf("%w: %s in epoch %d before, %s in epoch %d after", errOtherwise, active, before.Epoch, now, after.Epoch)
	}
	o.tell(r, phasesOf(events, o.loss, o.stretch.Epochs))
	return nil
}
