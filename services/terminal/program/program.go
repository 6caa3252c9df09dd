// Package program is the command line of a terminal's agent. It is the same in hotpair-terminal, a program for
// machines that are only terminals, and in hotpair terminal, a command of the complete program.
package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/enrolment"
	"github.com/hotpair/hotpair/services/launch"
	"github.com/hotpair/hotpair/services/terminal"
	"github.com/hotpair/hotpair/services/version"
)

// ErrUsage says that arguments are wrong. Nothing was done.
var ErrUsage = errors.New("wrong usage")

// Program distinguishes the two programs with this command line.
type Program struct {
	// Use is the name of the command below its parent, Path the full command as typed.
	Use, Path string
}

// Within is hotpair terminal.
func Within() Program { return Program{Use: "terminal", Path: "hotpair terminal"} }

// Alone is hotpair-terminal.
func Alone() Program { return Program{Use: "hotpair-terminal", Path: "hotpair-terminal"} }

// Command returns the command of the agent, with the subcommands for manual work at a terminal.
func (p Program) Command() *cobra.Command {
	var s settings
	var service *string
	c := &cobra.Command{
		Use: p.Use, Short: "Run the agent of a terminal", Args: cobra.NoArgs,
		Long: p.named(`Run the agent of a terminal. Hosts dial it, and applications of this machine send it requests over NATS or HTTP;
they never see that there are two hosts.

All settings come from the environment, see HELP, or from files of NAME=value lines: with --data the file that
enrolment wrote to that directory, and each file named by --settings. The environment takes precedence over
files, a later file over an earlier one.`),
		Example: p.named("  PROGRAM enrol --data DIRECTORY TOKEN\n  PROGRAM --data DIRECTORY"),
		RunE: func(c *cobra.Command, _ []string) error {
			return during(c.Context(), *service, c.ErrOrStderr(), func(ctx context.Context, g environment) error {
				if err := s.apply(); err != nil {
					return err
				}
				return launch.Process[config.Terminal, *config.Terminal]{Name: "terminal", Host: func(config.Terminal) string { return "" }, Stderr: g.log,
					Run: func(ctx context.Context, c config.Terminal, log *slog.Logger, _ io.Writer) error {
						return terminal.Run(ctx, c, log, g.up)
					}}.Do(ctx)
			})
		},
	}
	c.Flags().StringVar(&s.data, "data", "", "directory of the agent (default HOTPAIR_DATA); the settings in its "+enrolment.SettingsFile+" count too")
	c.Flags().StringArrayVar(&s.files, "settings", nil, "file with settings, NAME=value in each line, readable by its owner only; may be given several times")
	service = asService(c)
	c.AddCommand(p.enrolCommand(), p.readmitCommand())
	if managed := p.serviceCommand(); managed != nil {
		c.AddCommand(managed)
	}
	return c
}

// Main runs hotpair-terminal and returns its exit code.
func Main(ctx context.Context, args []string) int {
	root := Alone().Command()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = strings.TrimPrefix(version.Long(), "hotpair ")
	root.SetHelpCommand(helpCommand())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetArgs(args)
	understood := false
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true } // arguments and flags are right
	err := root.ExecuteContext(ctx)
	var told *launch.Told
	switch {
	case err == nil:
		return launch.Done
	case !errors.As(err, &told):
		fmt.Fprintln(root.ErrOrStderr(), "hotpair-terminal:", err)
	}
	if !understood {
		return launch.Usage
	}
	return int(exitCode(err))
}

// helpCommand is help, with the one topic that is no command.
func helpCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "help [COMMAND]", Short: "Help for a command, or for the environment (help env)",
		RunE: func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("there is no command %q", strings.Join(args, " "))
			}
			if err != nil {
				return fmt.Errorf("%w: %w", ErrUsage, err)
			}
			return found.Help()
		},
	}
	c.AddCommand(&cobra.Command{
		Use: "env", Short: "Print all environment variables", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return config.HelpTerminal(c.OutOrStdout()) },
	})
	return c
}

// named puts in how the program is called.
func (p Program) named(text string) string {
	help := "hotpair help env"
	if p == Alone() {
		help = "hotpair-terminal help env"
	}
	return strings.NewReplacer("PROGRAM", p.Path, "HELP", help).Replace(text)
}

// below makes a command for people.
func (p Program) below(use, short, long, example string, args cobra.PositionalArgs, run func(ctx context.Context, c *cobra.Command, args []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: p.named(long) + "\n\nExit code: 0 done, 1 failed, 2 wrong usage.", Example: p.named(example),
		SilenceUsage: true, SilenceErrors: true}
	wrong := func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", ErrUsage, err, c.CommandPath())
	}
	c.Args = func(c *cobra.Command, given []string) error {
		if err := args(c, given); err != nil {
			return wrong(c, err)
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, given []string) error { return run(c.Context(), c, given) }
	c.SetFlagErrorFunc(wrong)
	return c
}

func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = fmt.Fprintln(w, string(text))
	return err
}

// environment is what the agent's start provides.
type environment struct {
	log io.Writer // where its log goes
	up  func()    // is called when it serves
}

// settings are files that fill up the environment.
type settings struct {
	data  string
	files []string
}

// apply adds the settings of the files to the environment, which takes precedence.
func (s settings) apply() error {
	said := map[string]bool{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		said[name] = value != ""
	}
	given := map[string]string{}
	if s.data != "" {
		dir, err := filepath.Abs(s.data)
		if err != nil {
			return fmt.Errorf("%w: --data: %w", ErrUsage, err)
		}
		found, err := readSettings(filepath.Join(dir, enrolment.SettingsFile), given)
		if err != nil && found {
			return err
		}
		if err := os.Setenv(config.Prefix+"_DATA", dir); err != nil {
			return fmt.Errorf("%w: --data: %w", ErrUsage, err)
		}
		said[config.Prefix+"_DATA"] = true
	}
	for _, path := range s.files {
		if _, err := readSettings(path, given); err != nil {
			return err
		}
	}
	for name, value := range given {
		if said[name] {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("%w: %s is not a valid environment variable: %w", config.ErrInvalid, name, err)
		}
	}
	return nil
}
