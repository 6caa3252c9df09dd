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

// A restart on purpose loses no requests: new requests of the service wait in terminal-if, the running ones finish,
// and the next run gets those that waited. It does not count as a failure, so it causes no hand-over. A program that
// does not become ready is replaced by the previous one.

const (
	// drainWithin is how long a service may take to finish its requests while new ones wait; drainMore is for the
	// order itself.
	drainWithin = 5 * time.Second
	drainMore   = time.Second
	// endWithin bounds the end of a run: twice the time that its keeper allows.
	endWithin = 2 * endGrace
	endGrace  = 5 * time.Second
)

var (
	// errNotKept says that the choice of the program can't be stored.
	errNotKept = errors.New("can't store in HOTPAIR_DATA which program runs")
	// errSilent says that a program runs but does not report that it is ready.
	errSilent = errors.New("it started but did not become ready")
	// errStops says that the host stops.
	errStops = errors.New("the host stops")
)

// renewal is a restart on purpose in progress.
type renewal struct {
	begun  chan struct{} // closed when the previous run is over
	ended  bool          // begun is closed
	result chan error    // of the new run: nil when it is ready
}

func newRenewal() *renewal {
	return &renewal{begun: make(chan struct{}), result: make(chan error, 1)}
}

// begin notes that the previous run is over.
func (k *kept) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.renewal; r != nil && !r.ended {
		r.ended = true
		close(r.begun)
	}
}

// outcome notes the result of a run: nil when it is ready. Only a run that began since counts.
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

// program is the program of the next run.
func (k *kept) program() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.path
}

// replaced reads the replacements that operators made for programs of the settings. An unreadable file has no effect:
// then the settings count.
func (p *Processes) replaced() []paths.Replaced {
	if p.config.Host.Data == "" {
		return nil
	}
	list, err := paths.Read(p.config.Host.Data)
	if err != nil {
		p.config.Log.Error("the list of programs that operators replaced is unreadable; the programs in HOTPAIR_BUSINESS run instead", "error", err)
	}
	return list
}

// CheckRestart refuses a restart that is not possible, or not with this program. path is empty for the present
// program. The error is bus.ErrRefused.
func (p *Processes) CheckRestart(service, path string) error {
	_, err := p.restartable(service, path)
	return err
}

func (p *Processes) restartable(service, path string) (*kept, error) {
	k := p.find(bus.ProcessBusiness + "." + service)
	switch {
	case k == nil || k.service == "":
		return nil, fmt.Errorf("%w: %s has no service %q: HOTPAIR_BUSINESS lists its services", bus.ErrRefused, p.config.Host.Host, service)
	case path == "":
		return k, nil
	case !k.foreign:
		return nil, fmt.Errorf("%w: %s is built into hotpair on %s: it has no program to replace", bus.ErrRefused, service, p.config.Host.Host)
	}
	if why := unfit(path); why != "" {
		return nil, fmt.Errorf("%w: on %s, %s", bus.ErrRefused, p.config.Host.Host, why)
	}
	return k, nil
}

// unfit says why a program can't run on this host; "" for no reason. Anyone who can write to a program, or beside it,
// decides what the host runs.
func unfit(path string) string {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Sprintf("%q is not an absolute path without . or ..", path)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no " + path + ": put the program on both hosts first"
	case err != nil:
		return err.Error()
	case !info.Mode().IsRegular():
		return path + " is not a regular file"
	case info.Mode().Perm()&0o111 == 0:
		return path + " is not executable: chmod +x"
	case info.Mode().Perm()&0o002 != 0:
		return path + " is writable by everybody: chmod o-w"
	}
	return ""
}

// Restart restarts a service on purpose, with another program if a path is given. If that one is not ready in time,
// the previous one is restored, and the error is programs.ErrNotReady with its last output; bus.ErrRefused if nothing
// was done. It does not stop halfway.
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
		return fmt.Errorf("%w: %s is already being restarted on %s", bus.ErrRefused, service, p.config.Host.Host)
	}
	defer p.renewed(k)
	if path == "" {
		path = was
	}
	before := k.said.Last()
	why := p.again(k, path)
	if errors.Is(why, errSilent) { // a program that ended has given its reason
		if words := k.said.Words(before); words != "" {
			why = fmt.Errorf("%w; its last output: %s", why, words)
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
		return fmt.Errorf("%w: on %s, %s: %w. %s was restored, but is not ready either: %w", programs.ErrNotReady, p.config.Host.Host, path, why, was, back)
	}
	return fmt.Errorf("%w: on %s, %s: %w. %s was restored and serves", programs.ErrNotReady, p.config.Host.Host, path, why, was)
}

// renewed ends a restart on purpose.
func (p *Processes) renewed(k *kept) {
	k.mu.Lock()
	k.renewal = nil
	k.mu.Unlock()
	p.judge()
	p.stillFailed(k)
}

// again lets the present run finish its requests, starts the next run with a program, and waits until it is ready.
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
		return errors.New("the previous process does not end")
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

// drain lets a service finish its requests while terminal-if keeps new ones. What it does not finish in time is sent
// to the next run.
func (p *Processes) drain(k *kept) {
	if p.config.Calls == nil || !p.IsUp(k.name) || !p.IsUp(bus.ProcessTerminalInterface) {
		return
	}
	order := bus.DrainService{Service: k.service, Within: drainWithin}
	if _, err := bus.CallDrainService.PostWait(k.run, p.config.Calls, order, drainWithin+drainMore); err != nil {
		p.config.Log.Warn("a service did not finish its requests before its restart; they are sent again", "service", k.service, "error", err)
	}
}

// note stores which program runs, so that the next main starts it too.
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

// Services returns the services of the host, in the order of the settings, with their descriptions.
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

// stateOf returns the state of a process as that of a service.
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

// Differing returns the services that run a program other than the one in the settings.
func (p *Processes) Differing() (list []programs.Service) {
	for _, k := range p.children {
		if path := k.program(); path != k.set {
			list = append(list, programs.Service{Host: p.config.Host.Host, Service: k.service, Path: path, Set: k.set})
		}
	}
	return list
}
