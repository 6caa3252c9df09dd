// Package winservice runs a process as a Windows service: it installs and removes it, follows the system's orders, and
// writes its log to the event log. The few system calls are behind Manager and Journal.
package winservice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

var (
	// ErrExists says that a service of this name exists.
	ErrExists = errors.New("a service of this name exists already")
	// ErrMissing says that no service of this name exists.
	ErrMissing = errors.New("there is no service of this name")
	// ErrEnded says that a service ended before it was ready.
	ErrEnded = errors.New("the service has ended")
)

// Service describes a service to install.
type Service struct {
	Name, Display, Description string
	// Program is the absolute path of the program, Args its arguments.
	Program string
	Args    []string
	// User is the account that it runs under; "" is its own account, which has only the access that it is granted.
	User string
	// Data is its directory, for its account, the system and administrators only.
	Data string
}

// State of a service.
type State int

// The states of a service.
const (
	Stopped State = iota
	Starting
	Running
	Stopping
)

// String returns the state for people.
func (s State) String() string { return [...]string{"stopped", "starting", "running", "stopping"}[s] }

// Report is a service as the system knows it.
type Report struct {
	State State
	PID   uint32
	// Code is its own exit code: one of package launch.
	Code uint32
}

// Manager is the system's service manager. Errors of all methods: ErrMissing, those of the system.
type Manager interface {
	// Create installs a service, with its event log source and the actions after failures. The error may be ErrExists.
	Create(Service) error
	// Give creates the directory of an existing service, or grants it access.
	Give(Service) error
	Remove(name string) error
	Start(name string) error
	// Stop tells it to end.
	Stop(name string) error
	Report(name string) (Report, error)
}

// look is how often a service is looked at that is waited for: the system tells nobody.
const look = 100 * time.Millisecond

// Install installs a service. If access to its directory can't be granted, it is removed again.
func Install(m Manager, s Service) error {
	if err := m.Create(s); err != nil {
		return err
	}
	if err := m.Give(s); err != nil {
		return errors.Join(fmt.Errorf("grant the service access to %s: %w", s.Data, err), m.Remove(s.Name))
	}
	return nil
}

// Start starts a service and returns when it is ready. The error is ErrEnded if it ended instead, or that of ctx.
func Start(ctx context.Context, m Manager, name string) error {
	r, err := m.Report(name)
	if err != nil {
		return err
	}
	if r.State == Stopped {
		if err := m.Start(name); err != nil {
			return err
		}
	}
	for {
		r, err := m.Report(name)
		switch {
		case err != nil:
			return err
		case r.State == Running:
			return nil
		case r.State == Stopped:
			return fmt.Errorf("%w with code %d: see the event log (Windows Logs, Application, source %s)", ErrEnded, r.Code, name)
		}
		if err := pace.Rest(ctx, look); err != nil {
			return fmt.Errorf("it is still %s: %w", r.State, err)
		}
	}
}

// Stop stops a service and returns when it has ended. It does nothing if the service is not running.
func Stop(ctx context.Context, m Manager, name string) error {
	told := false
	for {
		r, err := m.Report(name)
		switch {
		case err != nil:
			return err
		case r.State == Stopped:
			return nil
		case r.State != Stopping && !told:
			if err := m.Stop(name); err != nil {
				return err
			}
			told = true
		}
		if err := pace.Rest(ctx, look); err != nil {
			return fmt.Errorf("it is still %s: %w", r.State, err)
		}
	}
}

// Uninstall stops and removes a service. Its directory stays.
func Uninstall(ctx context.Context, m Manager, name string) error {
	if err := Stop(ctx, m, name); err != nil {
		return err
	}
	return m.Remove(name)
}
