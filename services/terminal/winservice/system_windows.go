package winservice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/rights"
)

// System is the manager of this machine.
type System struct{}

// virtual is the account that a service has for itself.
func virtual(name string) string { return `NT SERVICE\` + name }

// with calls the manager about a service that is there.
func with(name string, call func(*mgr.Service) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return asAdministrator(fmt.Errorf("reach the service manager: %w", err))
	}
	defer func() { _ = m.Disconnect() }() // nothing is left to be done by it
	s, err := m.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return fmt.Errorf("%w: %s", ErrMissing, name)
	}
	if err != nil {
		return asAdministrator(fmt.Errorf("service %s: %w", name, err))
	}
	defer func() { _ = s.Close() }() // the same
	return call(s)
}

// asAdministrator says what it takes where something was refused.
func asAdministrator(err error) error {
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return fmt.Errorf("%w: run this in an administrator's prompt", err)
	}
	return err
}

// Create implements Manager.
func (System) Create(s Service) error {
	m, err := mgr.Connect()
	if err != nil {
		return asAdministrator(fmt.Errorf("reach the service manager: %w", err))
	}
	defer func() { _ = m.Disconnect() }() // nothing is left to be done by it
	user := s.User
	if user == "" {
		user = virtual(s.Name)
	}
	made, err := m.CreateService(s.Name, s.Program, mgr.Config{
		DisplayName: s.Display, Description: s.Description, ServiceStartName: user, StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal,
	}, s.Args...)
	if errors.Is(err, windows.ERROR_SERVICE_EXISTS) || errors.Is(err, windows.ERROR_DUPLICATE_SERVICE_NAME) {
		return fmt.Errorf("%w: %s", ErrExists, s.Name)
	}
	if err != nil {
		return asAdministrator(fmt.Errorf("create service %s: %w", s.Name, err))
	}
	defer func() { _ = made.Close() }() // the same
	restart := func(after time.Duration) mgr.RecoveryAction {
		return mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: after}
	}
	err = made.SetRecoveryActions([]mgr.RecoveryAction{restart(time.Second), restart(5 * time.Second), restart(time.Minute)}, 3600)
	if err == nil {
		// A system that does not know this restarts what has crashed only.
		if err = made.SetRecoveryActionsOnNonCrashFailures(true); errors.Is(err, windows.ERROR_INVALID_LEVEL) {
			err = nil
		}
	}
	if err == nil {
		// One that was left has the same text.
		_ = eventlog.Remove(s.Name)
		err = eventlog.InstallAsEventCreate(s.Name, eventlog.Error|eventlog.Warning|eventlog.Info)
	}
	if err != nil {
		return errors.Join(asAdministrator(fmt.Errorf("set up service %s: %w", s.Name, err)), made.Delete())
	}
	return nil
}

// Give implements Manager.
func (System) Give(s Service) error {
	var more []string
	user := s.User
	if user == "" {
		user = virtual(s.Name)
	}
	if user != "LocalSystem" {
		sid, _, _, err := windows.LookupSID("", user)
		if err != nil {
			return fmt.Errorf("account %s: %w", user, err)
		}
		more = append(more, sid.String())
	}
	only, err := rights.OwnerOnly(more...)
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.Data); errors.Is(err, fs.ErrNotExist) {
		if err := durable.MakeDir(s.Data); err != nil {
			return err
		}
	}
	list, _, err := only.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(s.Data, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
}

// Remove implements Manager.
func (System) Remove(name string) error {
	return with(name, func(s *mgr.Service) error {
		if err := s.Delete(); err != nil {
			return asAdministrator(fmt.Errorf("remove service %s: %w", name, err))
		}
		_ = eventlog.Remove(name) // what was written stays readable
		return nil
	})
}

// Start implements Manager.
func (System) Start(name string) error {
	return with(name, func(s *mgr.Service) error {
		if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return asAdministrator(fmt.Errorf("start service %s: %w", name, err))
		}
		return nil
	})
}

// Stop implements Manager.
func (System) Stop(name string) error {
	return with(name, func(s *mgr.Service) error {
		if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return asAdministrator(fmt.Errorf("stop service %s: %w", name, err))
		}
		return nil
	})
}

// Report implements Manager.
func (System) Report(name string) (r Report, err error) {
	err = with(name, func(s *mgr.Service) error {
		// Not Query, which leaves out what a service ended with.
		var status windows.SERVICE_STATUS_PROCESS
		var needed uint32
		if err := windows.QueryServiceStatusEx(s.Handle, windows.SC_STATUS_PROCESS_INFO, (*byte)(unsafe.Pointer(&status)), uint32(unsafe.Sizeof(status)), &needed); err != nil {
			return fmt.Errorf("query service %s: %w", name, err)
		}
		r = Report{PID: status.ProcessId, Code: status.Win32ExitCode}
		switch windows.Errno(status.Win32ExitCode) {
		case windows.ERROR_SERVICE_SPECIFIC_ERROR:
			r.Code = status.ServiceSpecificExitCode
		case windows.ERROR_SERVICE_NEVER_STARTED:
			r.Code = 0
		}
		switch svc.State(status.CurrentState) {
		case svc.StartPending, svc.ContinuePending:
			r.State = Starting
		case svc.Running, svc.Paused, svc.PausePending:
			r.State = Running
		case svc.StopPending:
			r.State = Stopping
		}
		return nil
	})
	return r, err
}

// Run runs this process as the service of a name: run gets a log that writes to the event log, and must call up when
// it is ready. code converts its error to the exit code.
func Run(ctx context.Context, name string, run func(ctx context.Context, log io.Writer, up func()) error, code func(error) uint32) error {
	journal, err := eventlog.Open(name)
	if err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	defer func() { _ = journal.Close() }() // all is written
	h := &handler{ctx: ctx, code: code, run: func(ctx context.Context, up func()) error { return run(ctx, Lines{journal}, up) }}
	if err := svc.Run(name, h); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	return h.err
}

// handler is the service as the system calls it.
type handler struct {
	ctx  context.Context
	run  func(ctx context.Context, up func()) error
	code func(error) uint32
	err  error
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, statuses chan<- svc.Status) (specific bool, code uint32) {
	orders, ended := make(chan Order), make(chan struct{})
	go func() {
		for {
			var o Order
			select {
			case r := <-requests:
				switch r.Cmd {
				case svc.Interrogate:
				case svc.Stop, svc.Shutdown, svc.PreShutdown:
					o = End
				default:
					continue
				}
			case <-ended:
				return
			}
			select {
			case orders <- o:
			case <-ended:
				return
			}
		}
	}()
	h.err = Follow(h.ctx, orders, func(t Told) {
		s := svc.Status{CheckPoint: t.Step, WaitHint: uint32(t.Within.Milliseconds())}
		switch t.State {
		case Starting:
			s.State = svc.StartPending
		case Running:
			s.State, s.Accepts = svc.Running, svc.AcceptStop|svc.AcceptShutdown
		case Stopping:
			s.State = svc.StopPending
		}
		statuses <- s
	}, h.run)
	close(ended)
	if h.err == nil {
		return false, 0
	}
	return true, h.code(h.err)
}
