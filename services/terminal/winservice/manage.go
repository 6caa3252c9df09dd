// Package winservice has a process run as a service of Windows: how it is put up and taken away, how it follows what it is told, and how its log
// comes into the system's. What it decides stands apart from the calls of the system, which are few, and are behind Manager and Journal.
package winservice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

var (
	// ErrExists says that there is a service of this name.
	ErrExists = errors.New("a service of this name exists already")
	// ErrMissing says that there is none.
	ErrMissing = errors.New("there is no service of this name")
	// ErrEnded says that a service ended while it was waited for to be up.
	ErrEnded = errors.New("the service has ended")
)

// Service is one as it is put up.
type Service struct {
	Name, Display, Description string
	// Program is the whole path of the program, Args what it is started with.
	Program string
	Args    []string
	// User is the account it runs as; "" is one of its own, which may nothing beside what it is given.
	User string
	// Data is its directory, which its account may use, the system and administrators, and nobody else.
	Data string
}

// State is what a service does.
type State int

// The states of a service.
const (
	Stopped State = iota
	Starting
	Running
	Stopping
)

// String is the state for people.
func (s State) String() string { return [...]string{"stopped", "starting", "running", "stopping"}[s] }

// Report is a service as the system knows it.
type Report struct {
	State State
	PID   uint32
	// Code is what it ended with, of its own: one of package launch.
	Code uint32
}

// Manager is the system's manager of services. Errors of all: ErrMissing, those of the system.
type Manager interface {
	// Create puts a service up, with its place in the event log and what is done when it fails. The error may be ErrExists.
	Create(Service) error
	// Give makes the directory of a service that is there, or gives it to it.
	Give(Service) error
	Remove(name string) error
	Start(name string) error
	// Stop asks it to end.
	Stop(name string) error
	Report(name string) (Report, error)
}

// look is how often a service is looked at that is waited for: the system tells nobody.
const look = 100 * time.Millisecond

// Install puts a service up. When its directory can't be given to it, there is no service either.
func Install(m Manager, s Service) error {
	if err := m.Create(s); err != nil {
		return err
	}
	if err := m.Give(s); err != nil {
		return errors.Join(fmt.Errorf("grant the service access to %s: %w", s.Data, err), m.Remove(s.Name))
	}
	return nil
}

// Start starts a service and returns when it does what it is for. The error is ErrEnded when it has ended instead, or that of ctx.
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

// Stop has a service end and returns when it has. One that does not run is left as it is.
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

// Uninstall stops a service and takes it away. Its directory stays.
func Uninstall(ctx context.Context, m Manager, name string) error {
	if err := Stop(ctx, m, name); err != nil {
		return err
	}
	return m.Remove(name)
}
