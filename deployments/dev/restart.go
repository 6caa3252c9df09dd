package dev

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/processes/programs"
	"github.com/hotpair/hotpair/services/scaffold/folder"
)

const (
	// statusWithin bounds the answer of a host about itself.
	statusWithin = 2 * time.Second
	// statusEvery is how often a host is asked while a service starts.
	statusEvery = 50 * time.Millisecond
	// enoughRestarts are enough to report that a service does not become ready.
	enoughRestarts = 3
)

var (
	// errNotReady says that a service did not become ready; the text says how it last ended.
	errNotReady = errors.New("is not ready")
	// errChanged says that a file has changed again.
	errChanged = errors.New("a file has changed again")
)

// status returns a host's status.
func status(ctx context.Context, file local.File, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	return file.Hosts[host].Client().Status(ctx)
}

// active returns the host that serves.
func (d *dev) active(ctx context.Context, file local.File) (string, error) {
	for _, host := range []string{local.HostA, local.HostB} {
		if s, err := status(ctx, file, host); err == nil && s.Serves() {
			return host, nil
		}
	}
	return "", errors.New("no host is active now: see status")
}

// awaitServices waits until the services are ready on both hosts, and reports each that is not ready in time. It
// returns whether all are.
func (d *dev) awaitServices(ctx context.Context) bool {
	file, err := local.ReadFile(d.dir)
	if err != nil {
		d.screen.line(err.Error())
		return false
	}
	var waiting sync.WaitGroup
	var failed atomic.Bool
	for _, s := range d.services {
		for _, host := range []string{local.HostA, local.HostB} {
			waiting.Go(func() {
				if err := awaitReady(ctx, file, host, s.Name, operator.Process{}); err != nil && ctx.Err() == nil {
					failed.Store(true)
					d.screen.line(fmt.Sprintf("%v; fix it, then the next change is tried", err))
				}
			})
		}
	}
	waiting.Wait()
	return !failed.Load()
}

// awaitReady waits until a service is ready on a host in another process than the previous one, or has ended so often
// that it clearly won't be. The error is errNotReady, or ctx's.
func awaitReady(ctx context.Context, file local.File, host, service string, was operator.Process) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	began, why := time.Now(), "the host does not answer"
	for over := false; !over; {
		if s, err := status(ctx, file, host); err == nil {
			p := s.Processes[bus.ProcessBusiness+"."+service]
			if p.State == "ready" && p.PID != was.PID {
				return nil
			}
			why = "it is " + p.State
			if p.Reason != "" {
				why += ", last ended: " + printable(p.Reason)
			}
			over = p.Restarts-was.Restarts > enoughRestarts
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			over = true
		}
	}
	return fmt.Errorf("%s %w on host %s after %s: %s", service, errNotReady, host, time.Since(began).Round(100*time.Millisecond), why)
}

// change rebuilds and restarts a service after a file has changed. If that fails the old program keeps running. A
// wait for a build or for readiness ends when a file changes again: that change is tried next.
func (d *dev) change(ctx context.Context, s folder.Service, file string) {
	d.starts.Lock()
	defer d.starts.Unlock()
	began := time.Now()
	patience, stop := d.untilChanged(ctx, s)
	defer stop()
	err := build(patience, s)
	if err == nil {
		err = d.restart(ctx, patience, s)
	}
	switch {
	case ctx.Err() != nil, errors.Is(context.Cause(patience), errChanged):
	case errors.Is(err, errNotReady):
		d.screen.line(printable(file) + " has changed, but " + err.Error() + "; fix it, then the next change is tried")
	case err != nil:
		d.screen.line(printable(file) + " has changed, but the old program keeps running: " + err.Error())
	default:
		d.screen.line(fmt.Sprintf("%s has changed: restarted %s on both hosts in %s", printable(file), s.Name, time.Since(began).Round(time.Millisecond)))
	}
}

// untilChanged ends, with errChanged as its cause, when a file of the service changes. stop ends it too, and waits
// for its goroutine.
func (d *dev) untilChanged(ctx context.Context, s folder.Service) (until context.Context, stop func()) {
	until, cancel := context.WithCancelCause(ctx)
	was, err := look(s)
	var looking sync.WaitGroup
	if err == nil { // the watcher reports unreadable files
		looking.Go(func() {
			watch(until, s, lookEvery, was, func(string) { cancel(errChanged) }, func(error) {})
		})
	}
	return until, func() { cancel(nil); looking.Wait() }
}

// restart restarts a service, on the standby first: if it does not become ready there, the active host still has the
// old program. A host restarts it as for an operator: requests wait meanwhile, none is lost, and it never counts as a
// failure.
func (d *dev) restart(ctx, patience context.Context, s folder.Service) error {
	file, err := local.ReadFile(d.dir)
	if err != nil {
		return err
	}
	order := []string{local.HostA, local.HostB}
	if active, err := d.active(ctx, file); err == nil && active == local.HostA {
		order = []string{local.HostB, local.HostA}
	}
	for _, host := range order {
		of, err := status(ctx, file, host)
		if err != nil && file.Hosts[host].PGID == 0 {
			continue // it does not run, and will start the new program
		}
		if err != nil {
			return fmt.Errorf("host %s does not report its process: %w", host, err)
		}
		was := of.Processes[bus.ProcessBusiness+"."+s.Name]
		q := programs.RestartService{Service: s.Name, Host: host}
		_, err = operator.CallRestartService.Ask(ctx, file.Hosts[host].Client(), q)
		if errors.Is(err, operator.ErrUnfinished) {
			err = d.slow(patience, file, host, s.Name, was, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// slow waits for a service that its host has stopped waiting for, if it still runs: an interpreter on a busy machine
// takes time. why is the host's reason.
func (d *dev) slow(ctx context.Context, file local.File, host, service string, was operator.Process, why error) error {
	of, err := status(ctx, file, host)
	p := of.Processes[bus.ProcessBusiness+"."+service]
	switch {
	case err != nil:
		return fmt.Errorf("%s %w on host %s: %w", service, errNotReady, host, why)
	case p.PID == 0: // of several restarts one may be the host's own, which was requested
		return fmt.Errorf("%s %w on host %s: it %s", service, errNotReady, host, printable(p.Reason))
	}
	d.screen.line(service + " is not ready on host " + host + " yet: " + printable(why.Error()))
	return awaitReady(ctx, file, host, service, was)
}
