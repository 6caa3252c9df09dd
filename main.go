// Hotpair keeps a service going on two machines of which either may die. This one binary is every process of it: the
// first argument says which. "hotpair --help" lists them; README.md says what it is for.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/deployments/ask"
	"github.com/hotpair/hotpair/deployments/dev"
	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/deployments/install"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/backups/maker"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/business/ledger"
	"github.com/hotpair/hotpair/services/business/sequence"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/conformance"
	"github.com/hotpair/hotpair/services/courier"
	"github.com/hotpair/hotpair/services/launch"
	"github.com/hotpair/hotpair/services/mainprocess"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/command"
	"github.com/hotpair/hotpair/services/operator/command/archives"
	"github.com/hotpair/hotpair/services/operator/command/notices"
	"github.com/hotpair/hotpair/services/operator/command/outgoing"
	"github.com/hotpair/hotpair/services/operator/command/running"
	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/scaffold"
	"github.com/hotpair/hotpair/services/scaffold/folder"
	"github.com/hotpair/hotpair/services/supervisor"
	"github.com/hotpair/hotpair/services/systemd"
	"github.com/hotpair/hotpair/services/terminal/program"
	"github.com/hotpair/hotpair/services/terminalif"
	"github.com/hotpair/hotpair/services/trail"
	"github.com/hotpair/hotpair/services/updater"
	"github.com/hotpair/hotpair/services/updater/archive"
	"github.com/hotpair/hotpair/services/version"
	"github.com/hotpair/hotpair/services/witness"
	"github.com/hotpair/hotpair/simulator"
)

func main() {
	ctx, stop := launch.Context(context.Background())
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run executes one command and gives its exit code.
func run(ctx context.Context, args []string) int {
	root := commands()
	root.SetArgs(args)
	understood := false
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true } // arguments and flags are right
	err := root.ExecuteContext(ctx)
	var told *launch.Told
	switch {
	case err == nil:
		return launch.Done
	case errors.As(err, &told):
	default:
		fmt.Fprintln(root.ErrOrStderr(), "hotpair:", err)
	}
	wrong := []error{config.ErrInvalid, operator.ErrUsage, program.ErrUsage, local.ErrOption, simulator.ErrOption, scaffold.ErrOption, folder.ErrName, dev.ErrOption, ask.ErrQuestion}
	for _, w := range wrong {
		if errors.Is(err, w) {
			return launch.Usage
		}
	}
	if !understood {
		return launch.Usage
	}
	var request *ask.Failure
	if errors.As(err, &request) {
		return request.ExitCode()
	}
	return launch.Failed
}

// commands returns the root command with all commands of hotpair.
func commands() *cobra.Command {
	root := &cobra.Command{
		Use:   "hotpair",
		Short: "Two hosts, one of which serves; the other takes over without losing an acknowledged update",
		Long: `Two hosts, one of which serves; the other takes over without losing an acknowledged update.

hotpair help env lists the settings, hotpair help --all also the commands that a host starts itself.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       strings.TrimPrefix(version.Long(), "hotpair "),
	}
	root.SetHelpCommand(help())
	root.AddCommand(local.Command(), simulator.Command())
	root.AddCommand(with(serviceCommand(), append([]*cobra.Command{scaffold.NewCommand(), conformance.Command()}, running.Commands()...)...), dev.Command(), ask.Command())
	root.AddCommand(founding.Command(), install.JoinCommand(), install.LeaveCommand(), install.RunCommand())
	root.AddCommand(command.Commands()...)
	root.AddCommand(notices.Command(), outgoing.EmissionsCommand(), outgoing.TargetsCommand())
	root.AddCommand(with(archives.BackupCommand(archive.Files{}), offline.CheckCommand(archive.Files{}), archives.ListCommand(), archives.NowCommand()), offline.RestoreCommand(archive.Files{}), offline.AuthorityCommand())
	root.AddCommand(
		supervisorCommand(),
		serve("main", "Decide which host serves, and run the host's processes (started by supervisor)", hostName, decide),
		serve("updater", "Write the database and replicate it (started by main)", updaterName, update),
		serve("terminal-if", "Dial the terminals and relay their requests (started by main)", relayName, relay),
		businessCommand(),
		serve("backups", "Make the host's backups (started by main)", backupName, makeBackups),
		serve("courier", "Send the emissions of services to their targets (started by main)", courierName, deliver),
		serve("witness", "Keep the pair record, on a third machine", nobody[config.Witness], witness.Run),
		program.Within().Command(),
		&cobra.Command{
			Use: "version", Short: "Print what runs", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), version.Long())
				return err
			},
		},
	)
	if m := manual(); m != nil {
		root.AddCommand(m)
	}
	group(root)
	return root
}

// group sorts the commands by purpose. Those that a host starts itself are shown by "help --all" only.
func group(root *cobra.Command) {
	groups := []struct{ id, title, commands string }{
		{"try", "Try it on this machine:", "cluster simulate"},
		{"write", "Write a service:", "service dev request"},
		{"set up", "Set up a pair on three machines:", "init join leave run"},
		{"see", "See the state of a pair, from any machine that reaches it:", "status explain doctor events alarms history settings operations whoami"},
		{"steer", "Control a pair:", "switchover pause resume terminals timers notices emissions targets verify promote admit upgrade operators"},
		{"data", "Back up and restore its data:", "backup restore authority"},
		{"run", "Started by the service manager of each machine:", "supervisor witness terminal"},
		{"more", "More:", "help version completion"},
	}
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for name := range strings.FieldsSeq(g.commands) {
			for _, c := range root.Commands() {
				if c.Name() == name {
					c.GroupID = g.id
				}
			}
		}
	}
	for _, c := range inner(root) {
		c.Hidden = true
	}
	root.SetHelpCommandGroupID("more")
	root.SetCompletionCommandGroupID("more")
}

// inner are the commands that a host starts itself.
func inner(root *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(root.Commands()), func(c *cobra.Command) bool {
		return !slices.Contains([]string{"main", "updater", "terminal-if", "business", "backups", "courier"}, c.Name())
	})
}

func hostName(c config.Host) string               { return c.Host }
func updaterName(c config.Updater) string         { return c.Host }
func relayName(c config.TerminalInterface) string { return c.Host }
func backupName(c config.Backup) string           { return c.Host }
func courierName(c config.Courier) string         { return c.Host }
func nobody[T any](T) string                      { return "" }

// serve makes the command of one process: its settings come from the environment alone.
func serve[T launch.Settings, P config.Spec[T]](name, short string, host func(T) string, run func(context.Context, T, *slog.Logger) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		Long: short + ".\nConfigured by environment variables; see hotpair help env.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return start[T, P](cmd, name, host, func(ctx context.Context, c T, log *slog.Logger, _ io.Writer) error { return run(ctx, c, log) })
		},
	}
}

// with adds commands below one.
func with(c *cobra.Command, below ...*cobra.Command) *cobra.Command {
	c.AddCommand(below...)
	return c
}

// serviceCommand is the parent of the commands for services.
func serviceCommand() *cobra.Command {
	return &cobra.Command{Use: "service", Short: "Write, check and run services"}
}

// supervisorCommand is the supervisor, which passes on the logs of all processes below it.
func supervisorCommand() *cobra.Command {
	c := serve[config.Host]("supervisor", "Run a host: start its main and watch it", hostName, nil)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return start(cmd, "supervisor", hostName, func(ctx context.Context, c config.Host, log *slog.Logger, lines io.Writer) error {
			process.FewProcessors(1) // it only watches
			if err := trail.Check(c.AuditTrail); err != nil {
				return err // here and nowhere below: a main that is started again has to serve
			}
			unit := systemd.Open(os.Getenv, log)
			defer unit.Close()
			return (&supervisor.Supervisor{Host: c, Environ: os.Environ(), Logger: log, Lines: lines, Unit: unit}).Run(ctx)
		})
	}
	return c
}

// decide runs main, which must know before anything else whether its data were restored and the restore is unfinished.
func decide(ctx context.Context, c config.Host, log *slog.Logger) error {
	if err := archive.Apart(c.Data, c.Host, c.PairSecret, c.TLS); err != nil {
		return err
	}
	restored, err := archive.Restored(c.Data)
	if err != nil {
		log.Warn("the facts in the data directory can't be read; the updater reports it too, and this host can't serve", "error", err)
	}
	return mainprocess.RunOn(ctx, c, log, mainprocess.Environment{Restored: restored})
}

// updaterMemory is what an updater may have before garbage is collected as often as usual, in bytes: it lives on some MB,
// and on all that is committed but not applied when the database falls behind.
const updaterMemory = 256 << 20

func update(ctx context.Context, c config.Updater, log *slog.Logger) error {
	// As main has done: files may have changed since that started.
	if err := archive.Apart(c.Data, c.Host, c.PairSecret, c.TLS); err != nil {
		return err
	}
	process.RareCollections(400, updaterMemory)
	return updater.Run(ctx, c, log)
}

// garbage is what a process that hands requests on may leave uncollected, in bytes: it lives on 3 MB, and would else collect a
// dozen times a second.
const garbage = 12 << 20

// relay is terminal-if.
func relay(ctx context.Context, c config.TerminalInterface, log *slog.Logger) error {
	if err := archive.Apart(c.Data, c.Host, c.PairSecret, c.TLS); err != nil {
		return err
	}
	process.FewProcessors(1) // work of microseconds for each message
	defer process.RoomForGarbage(garbage)()
	return terminalif.Run(ctx, c, log)
}

// makeBackups makes backups behind everything else that this machine has to do.
func makeBackups(ctx context.Context, c config.Backup, log *slog.Logger) error {
	process.FewProcessors(1)
	process.Behind()
	if err := process.Expendable(os.Environ()); err != nil {
		return err
	}
	return maker.Run(ctx, c, archive.Trials{}, log)
}

// deliver sends emissions, behind those who serve.
func deliver(ctx context.Context, c config.Courier, log *slog.Logger) error {
	process.FewProcessors(1)
	return courier.Run(ctx, c, log)
}

// businessCommand is a business process of those that are built in.
func businessCommand() *cobra.Command {
	services := map[string]business.Service{kv.Name: kv.Service(), ledger.Name: ledger.Service(), sequence.Name: sequence.Service(), tickets.Name: tickets.Service()}
	names := slices.Sorted(maps.Keys(services))
	return &cobra.Command{
		Use: "business NAME", Short: "Do the work of one service: " + strings.Join(names, ", ") + " (started by main)",
		ValidArgs: names,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			return business.Launch(cmd.Context(), cmd.ErrOrStderr(), []business.Service{services[args[0]]}, func() func() {
				process.FewProcessors(1) // as terminal-if
				return process.RoomForGarbage(garbage)
			})
		},
	}
}

// start runs a process whose settings come from its environment.
func start[T launch.Settings, P config.Spec[T]](cmd *cobra.Command, name string, host func(T) string, run func(_ context.Context, _ T, log *slog.Logger, lines io.Writer) error) error {
	return launch.Process[T, P]{Name: name, Host: host, Stderr: cmd.ErrOrStderr(), Run: run}.Do(cmd.Context())
}

// help is "hotpair help", with the one topic that is no command.
func help() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "help [COMMAND]", Short: "Help for a command, or for the environment (help env)",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, _, err := cmd.Root().Find(args)
			if err != nil {
				return fmt.Errorf("help: %w", err)
			}
			if all {
				found.Root().AddGroup(&cobra.Group{ID: "inner", Title: "Started by a host itself:"})
				for _, c := range inner(found.Root()) {
					c.GroupID, c.Hidden = "inner", false
				}
			}
			return found.Help()
		},
	}
	c.Flags().BoolVar(&all, "all", false, "show also the commands that a host starts itself")
	c.AddCommand(&cobra.Command{
		Use: "env", Short: "Print every environment variable that can be set", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return config.Help(cmd.OutOrStdout()) },
	})
	return c
}
