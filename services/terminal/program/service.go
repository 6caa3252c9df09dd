package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/launch"
	"github.com/hotpair/hotpair/services/terminal/winservice"
)

const (
	serviceName = "hotpair-terminal"
	// serviceWithin bounds the wait for a service that starts or stops.
	serviceWithin = 2 * time.Minute
)

// services returns the commands for the agent as a Windows service.
func (p Program) services(m winservice.Manager) *cobra.Command {
	name := serviceName
	top := &cobra.Command{Use: "service", Short: "Run the agent as a Windows service"}
	top.PersistentFlags().StringVar(&name, "name", serviceName, "name of the service")
	within := func(run func(ctx context.Context, c *cobra.Command) error) func(context.Context, *cobra.Command, []string) error {
		return func(ctx context.Context, c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(ctx, serviceWithin)
			defer cancel()
			if err := run(ctx, c); err != nil {
				return fmt.Errorf("service %s: %w", c.Name(), err)
			}
			return nil
		}
	}
	var s winservice.Service
	var files []string
	install := p.below("install", "Install the service (as an administrator)",
		`The service starts with the machine and restarts when it fails. It runs under its own account, NT SERVICE\NAME, which can only use its
directory; --user names another account. Its settings are those that enrolment wrote to that directory, and those of files named by
--settings. Only that account, the system and administrators can read the directory afterwards. It logs to the Windows event log:
Application, source NAME.`,
		"  PROGRAM enrol --data C:\\ProgramData\\hotpair-terminal TOKEN\n  PROGRAM service install\n  PROGRAM service start", cobra.NoArgs,
		within(func(_ context.Context, c *cobra.Command) (err error) {
			if s.Program, err = os.Executable(); err != nil {
				return err
			}
			if s.Data, err = filepath.Abs(s.Data); err != nil {
				return err
			}
			s.Name, s.Display, s.Description = name, "Hotpair terminal", "The agent through which applications of this machine reach a pair of hosts."
			s.Args = nil
			if p == Within() {
				s.Args = append(s.Args, "terminal")
			}
			s.Args = append(s.Args, "--service", name, "--data", s.Data)
			for _, f := range files {
				whole, err := filepath.Abs(f)
				if err != nil {
					return err
				}
				s.Args = append(s.Args, "--settings", whole)
			}
			if err := winservice.Install(m, s); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Service %s is installed, with its data in %s; to run it: %s service start\n", name, s.Data, p.Path)
			return err
		}))
	install.Flags().StringVar(&s.Data, "data", defaultData(), "directory of the agent")
	install.Flags().StringArrayVar(&files, "settings", nil, "file with settings, NAME=value in each line; may be given several times")
	install.Flags().StringVar(&s.User, "user", "", `account to run under, like "NT AUTHORITY\LocalService" (default its own)`)
	done := func(c *cobra.Command, what string) error {
		_, err := fmt.Fprintf(c.OutOrStdout(), "Service %s %s\n", name, what)
		return err
	}
	top.AddCommand(install,
		p.below("start", "Start the service, and wait until hosts and applications can connect", "", "  PROGRAM service start", cobra.NoArgs,
			within(func(ctx context.Context, c *cobra.Command) error {
				if err := winservice.Start(ctx, m, name); err != nil {
					return err
				}
				return done(c, "runs")
			})),
		p.below("stop", "Stop the service, and wait until it has ended", "", "  PROGRAM service stop", cobra.NoArgs,
			within(func(ctx context.Context, c *cobra.Command) error {
				if err := winservice.Stop(ctx, m, name); err != nil {
					return err
				}
				return done(c, "has ended")
			})),
		p.below("status", "Show the state of the service", "", "  PROGRAM service status", cobra.NoArgs,
			within(func(_ context.Context, c *cobra.Command) error {
				r, err := m.Report(name)
				switch {
				case err != nil:
					return err
				case r.State == winservice.Stopped && r.Code != 0:
					return done(c, fmt.Sprintf("is stopped; it ended with code %d", r.Code))
				case r.PID != 0:
					return done(c, fmt.Sprintf("is %s, process %d", r.State, r.PID))
				}
				return done(c, "is "+r.State.String())
			})),
		p.below("uninstall", "Stop and remove the service; its data stay", "", "  PROGRAM service uninstall", cobra.NoArgs,
			within(func(ctx context.Context, c *cobra.Command) error {
				if err := winservice.Uninstall(ctx, m, name); err != nil {
					return err
				}
				return done(c, "is removed; its data stay")
			})),
	)
	return top
}

// defaultData is the data directory of a Windows service.
func defaultData() string {
	return filepath.Join(os.Getenv("ProgramData"), serviceName)
}

// exitCode is the exit code for an error.
func exitCode(err error) uint32 {
	if errors.Is(err, config.ErrInvalid) || errors.Is(err, ErrUsage) {
		return launch.Usage
	}
	return launch.Failed
}
