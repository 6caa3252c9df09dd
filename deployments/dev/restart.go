package dev

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/scaffold/folder"
)

const (
	// statusWithin bounds the answer of a host about itself.
	statusWithin = 2 * time.Second
	// statusEvery is how often a host is asked while a service starts.
	statusEvery = 50 * time.Millisecond
	// enoughRestarts of a service that never gets ready are enough to say so.
	enoughRestarts = 3
)

// errNotReady says that a service did not get ready; the text says how it ended last.
var errNotReady = errors.New("is not ready")

// status is what a host says of itself.
func status(ctx context.Context, file local.File, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	return file.Hosts[host].Client().Status(ctx)
}

// active is the host that serves.
func (d *dev) active(ctx context.Context, file local.File) (string, error) {
	for _, host := range []string{local.HostA, local.HostB} {
		if s, err := status(ctx, file, host); err == nil && s.Serves() {
			return host, nil
		}
	}
	return "", errors.New("no host serves now: status says why")
}

// awaitServices waits until the services are ready on both hosts, and says of each that isn't in time why. It reports whether all are.
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
					d.screen.line(fmt.Sprintf("%v; mend it: the next change is tried", err))
				}
			})
		}
	}
	waiting.Wait()
	return !failed.Load()
}

// awaitReady waits until a service is ready on a host in another process than the one that was, or has ended so often that it is clear
// that it won't be. The error is errNotReady, or ctx's.
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
				why += ", and ended last: " + printable(p.Reason)
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

// change builds a service of which a file has changed, and starts it again. Where that fails the old one goes on.
func (d *dev) change(ctx context.Context, s folder.Service, file string) {
	d.starts.Lock()
	defer d.starts.Unlock()
	began := time.Now()
	err := build(ctx, s)
	if err == nil {
		err = d.restart(ctx, s)
	}
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, errNotReady):
		d.screen.line(printable(file) + " has changed, but " + err.Error())
	case err != nil:
		d.screen.line(printable(file) + " has changed, but the old program goes on: " + err.Error())
	default:
		d.screen.line(fmt.Sprintf("%s has changed: %s is started again on both hosts, in %s", printable(file), s.Name, time.Since(began).Round(time.Millisecond)))
	}
}

// restart starts a service again, on the host that does not serve first: if it does not get ready there, the other one has the old
// program still. Requests wait meanwhile, and none is lost: a process that is told to end answers what it has.
func (d *dev) restart(ctx context.Context, s folder.Service) error {
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
			continue // it does not run, and will start the new one
		}
		if err != nil {
			return fmt.Errorf("host %s does not say which process it is: %w", host, err)
		}
		was := of.Processes[bus.ProcessBusiness+"."+s.Name]
		if err := end(file, host, was.PID); err != nil {
			return err
		}
		if err := awaitReady(ctx, file, host, s.Name, was); err != nil {
			return err
		}
	}
	return nil
}

// end tells a process of a host to end, unless it has ended.
func end(file local.File, host string, pid int) error {
	if pid <= 0 {
		return nil
	}
	group, err := syscall.Getpgid(pid)
	if err == nil && group == file.Hosts[host].PGID { // nobody else has got the number meanwhile
		err = syscall.Kill(pid, syscall.SIGTERM)
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d of host %s: %w", pid, host, err)
	}
	return nil
}
