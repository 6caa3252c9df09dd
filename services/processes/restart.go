package processes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/processes/paths"
	"github.com/hotpair/hotpair/services/processes/programs"
)

// A restart on purpose takes nothing from those who are served: requests of the service wait in terminal-if, those that it has
// are finished, and the next run gets what waited. It counts as no failure, and nobody hands over for it. A program that does not
// get ready is replaced by the one before.

const (
	// drainWithin is how long a service may take to finish what it has, while its other requests wait; drainMore is for the order itself.
	drainWithin = 5 * time.Second
	drainMore   = time.Second
	// endWithin bounds the end of a run: twice what its keeper gives it.
	endWithin = 2 * endGrace
	endGrace  = 5 * time.Second
)

var (
	// errNotKept says that which program runs can't be written down.
	errNotKept = errors.New("HOTPAIR_DATA does not take which program runs")
	// errSilent says that a program runs and does not say that it is ready.
	errSilent = errors.New("it started, and did not answer")
	// errStops says that the host ends.
	errStops = errors.New("the host stops")
)

// renewal is a restart on purpose that is under way.
type renewal struct {
	begun  chan struct{} // closed when the run before is over
	ended  bool          // begun is closed
	result chan error    // of the run that began: nil when it is ready
}

func newRenewal() *renewal {
	return &renewal{begun: make(chan struct{}), result: make(chan error, 1)}
}

// begin notes that the run before is over.
func (k *kept) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.renewal; r != nil && !r.ended {
		r.ended = true
		close(r.begun)
	}
}

// outcome notes what became of a run: nil when it is ready. Only of one that began since does it count.
func (k *kept) outcome(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.renewal; r != nil && r.ended {
		select {
		case r.result <- err:
		default: // the first one counts
		}
	}
}

func (k *kept) isRenewed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.renewal != nil
}

// program is what the next run is of.
func (k *kept) program() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.path
}

// replaced reads what operators have put in the place of what the settings name. What can't be read holds nothing back: the
// settings do then.
func (p *Processes) replaced() []paths.Replaced {
	if p.config.Host.Data == "" {
		return nil
	}
	list, err := paths.Read(p.config.Host.Data)
	if err != nil {
		p.config.Log.Error("which programs operators have put in the place of others can't be read: those that HOTPAIR_BUSINESS names run", "error", err)
	}
	return list
}

// CheckRestart refuses what can't be restarted, or by no such program. path is empty for the program that it has. The error is
// bus.ErrRefused.
func (p *Processes) CheckRestart(service, path string) error {
	_, err := p.restartable(service, path)
	return err
}

func (p *Processes) restartable(service, path string) (*kept, error) {
	k := p.find(bus.ProcessBusiness + "." + service)
	switch {
	case k == nil || k.service == "":
		return nil, fmt.Errorf("%w: %s has no service %q: HOTPAIR_BUSINESS names those there are", bus.ErrRefused, p.config.Host.Host, service)
	case path == "":
		return k, nil
	case !k.foreign:
		return nil, fmt.Errorf("%w: %s is part of hotpair itself on %s: it has no program of its own that another one could replace", bus.ErrRefused, service, p.config.Host.Host)
	}
	if why := unfit(path); why != "" {
		return nil, fmt.Errorf("%w: on %s, %s", bus.ErrRefused, p.config.Host.Host, why)
	}
	return k, nil
}

// unfit says why a program can't be one of this host's; "" is nothing. Whoever can write to a program, or beside it, decides what
// the host runs.
func unfit(path string) string {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Sprintf("%q is not an absolute path in its shortest form", path)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no " + path + ": put the program on both hosts first"
	case err != nil:
		return err.Error()
	case !info.Mode().IsRegular():
		return path + " is no file"
	case info.Mode().Perm()&0o111 == 0:
		return path + " may not be executed: chmod +x"
	case info.Mode().Perm()&0o002 != 0:
		return path + " may be written by everybody: chmod o-w"
	}
	return ""
}

// Restart restarts a service on purpose, by another program if a path is given. When that is not ready in time the one before is
// put back, and the error is programs.ErrNotReady with its last words; bus.ErrRefused when nothing was done. It does not end
// early: half a restart is none.
func (p *Processes) Restart(service, path string) error {
	k, err := p.restartable(service, path)
	if err != nil {
		return err
	}
	k.mu.Lock()
	busy, was := k.renewal != nil, k.path
	if !busy {
		k.renewal = newRenewal()
	}
	k.mu.Unlock()
	if busy {
		return fmt.Errorf("%w: %s is being restarted on %s already", bus.ErrRefused, service, p.config.Host.Host)
	}
	defer p.renewed(k)
	if path == "" {
		path = was
	}
	before := k.said.Last()
	why := p.again(k, path)
	if errors.Is(why, errSilent) { // one that ended has said its own
		if words := k.said.Words(before); words != "" {
			why = fmt.Errorf("%w; its last words: %s", why, words)
		}
	}
	if why == nil && path != was {
		why = p.note(paths.Replaced{Service: service, Path: path, InPlace: k.set})
	}
	if why == nil {
		return nil
	}
	if path == was {
		return fmt.Errorf("%w: on %s, %s: %w", programs.ErrNotReady, p.config.Host.Host, service, why)
	}
	if back := p.again(k, was); back != nil {
		return fmt.Errorf("%w: on %s, %s: %w. %s was put back, and is not ready either: %w", programs.ErrNotReady, p.config.Host.Host, path, why, was, back)
	}
	return fmt.Errorf("%w: on %s, %s: %w. %s is back and serves", programs.ErrNotReady, p.config.Host.Host, path, why, was)
}

// renewed ends a restart on purpose.
func (p *Processes) renewed(k *kept) {
	k.mu.Lock()
	k.renewal = nil
	k.mu.Unlock()
	p.judge()
	p.stillFailed(k)
}

// again has the next run begin, of a program, once the present one has finished what it has, and waits until that is ready.
func (p *Processes) again(k *kept, path string) error {
	p.drain(k)
	r := newRenewal()
	k.mu.Lock()
	k.renewal, k.path = r, path
	k.mu.Unlock()
	k.keeper.Renew()
	patience := time.NewTimer(endWithin)
	defer patience.Stop()
	select {
	case <-r.begun:
	case <-patience.C:
		return errors.New("the run before does not end")
	case <-k.run.Done():
		return errStops
	}
	patience.Reset(p.patience)
	select {
	case err := <-r.result:
		return err
	case <-patience.C:
		return fmt.Errorf("%w as service %s within %s (is it the program of another service?)", errSilent, k.service, p.patience)
	case <-k.run.Done():
		return errStops
	}
}

// drain has a service finish what it has, while terminal-if keeps what comes. What it does not finish in time is sent to the next run.
func (p *Processes) drain(k *kept) {
	if p.config.Calls == nil || !p.IsUp(k.name) || !p.IsUp(bus.ProcessTerminalInterface) {
		return
	}
	order := bus.DrainService{Service: k.service, Within: drainWithin}
	if _, err := bus.CallDrainService.PostWait(k.run, p.config.Calls, order, drainWithin+drainMore); err != nil {
		p.config.Log.Warn("a service that is restarted did not finish what it had; it is sent again", "service", k.service, "error", err)
	}
}

// note writes down which program runs, so that the next main starts it too.
func (p *Processes) note(r paths.Replaced) error {
	if p.config.Host.Data == "" {
		return nil
	}
	p.noting.Lock()
	defer p.noting.Unlock()
	if err := paths.Note(p.config.Host.Data, r); err != nil {
		return fmt.Errorf("%w: %w", errNotKept, err)
	}
	return nil
}

// Services are those of the host, in the order of the settings, with what each says of itself.
func (p *Processes) Services(ctx context.Context) []programs.Service {
	list := []programs.Service{}
	for _, k := range p.children {
		if k.service == "" {
			continue
		}
		status := k.keeper.Status()
		s := programs.Service{Host: p.config.Host.Host, Service: k.service, State: stateOf(status), PID: status.PID, Restarts: status.Restarts, Why: status.Trouble}
		k.mu.Lock()
		s.Since, s.Path = k.since, k.path
		if k.renewal != nil {
			s.State = programs.Restarting
		}
		k.mu.Unlock()
		if s.Path != k.set {
			s.Set = k.set
		}
		list = append(list, s)
	}
	p.describe(ctx, list)
	return list
}

// stateOf is what a process does, in the words of services.
func stateOf(s process.Status) string {
	switch {
	case s.State == process.StateReady: // also one that was given up before: it serves
		return programs.Ready
	case s.GaveUp:
		return programs.Failed
	case s.State == process.StateStarting:
		return programs.Starting
	case s.State == process.StateStopped, s.State == process.StateStopping:
		return programs.Stopped
	}
	return programs.Restarting
}

// Differing are the services that run another program than the settings name.
func (p *Processes) Differing() (list []programs.Service) {
	for _, k := range p.children {
		if path := k.program(); path != k.set {
			list = append(list, programs.Service{Host: p.config.Host.Host, Service: k.service, Path: path, Set: k.set})
		}
	}
	return list
}
