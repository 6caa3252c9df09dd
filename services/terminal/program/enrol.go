package program

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/enrolment"
)

// enrolCommand returns terminal enrol.
func (p Program) enrolCommand() *cobra.Command {
	var dir, listen, file string
	var wait time.Duration
	var asJSON bool
	c := p.below("enrol TOKEN", "Make this terminal a member of the pair, with a one-time token",
		`A terminal needs a certificate before hosts serve it. An operator adds it (hotpair terminals add ID=nats://HOST:PORT) and receives a one-time
token, which is used here. The agent makes its key, which never leaves this machine, and listens where hosts will dial it. The active host dials, both prove
that they know the token without sending it, and the agent receives its certificate. If this is interrupted, run it again with the same
token: it continues with the same key.

The key, the certificate and the settings (enrolled.env) are written to HOTPAIR_DATA. Start the agent with --data, which reads these
settings, or pass them to it (systemd: EnvironmentFile=). The agent must not run during enrolment, which uses its port. The certificate
is renewed automatically.`,
		`  HOTPAIR_DATA=/var/lib/hotpair-terminal PROGRAM enrol till-7.shop.tmz4xs.OKH3….QM2A
  PROGRAM enrol --data /var/lib/hotpair-terminal --token-file token.txt --wait 1h`,
		cobra.MaximumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			text, err := tokenText(c, args, file)
			if err != nil {
				return err
			}
			token, err := enrolment.ParseToken(text)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrUsage, err)
			}
			if dir == "" {
				dir = os.Getenv(config.Prefix + "_DATA")
			}
			if dir == "" {
				return fmt.Errorf("%w: terminal enrol needs --data or HOTPAIR_DATA: the directory of the agent", ErrUsage)
			}
			if listen == "" {
				if listen = os.Getenv(config.Prefix + "_TERMINAL_LISTEN"); listen == "" {
					listen = ":4223"
				}
			}
			done, err := enrolment.Enrol(ctx, enrolment.AgentConfig{
				Token: token, Listen: listen, Data: dir, Wait: wait, Now: time.Now, Log: slog.New(slog.DiscardHandler),
				Say: func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) },
			})
			if err != nil {
				return fmt.Errorf("terminal enrol: %w", err)
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), done)
			}
			var s strings.Builder
			if done.Already {
				s.WriteString(fmt.Sprintf("Terminal %s of pair %s has already used this token; nothing was done\n", done.Terminal, done.Pair))
			} else {
				s.WriteString(fmt.Sprintf("Terminal %s is a member of pair %s now; host %s enrolled it\n", done.Terminal, done.Pair, done.Host))
			}
			fmt.Fprintf(&s, "  key       %s\n  until     %s, renewed automatically before then\n", done.Fingerprint, done.NotAfter.UTC().Format(time.DateOnly))
			if done.Ahead.Abs() > time.Minute {
				fmt.Fprintf(&s, "The clock of that host differs from the clock of this machine by %v: correct the wrong one.\n", done.Ahead)
			}
			fmt.Fprintf(&s, "Start the agent with the settings in %s\n", done.Settings)
			_, err = io.WriteString(c.OutOrStdout(), s.String())
			return err
		})
	c.Flags().StringVar(&dir, "data", "", "directory of the agent (default HOTPAIR_DATA)")
	c.Flags().StringVar(&listen, "listen", "", "address that hosts dial (default HOTPAIR_TERMINAL_LISTEN, :4223)")
	c.Flags().StringVar(&file, "token-file", "", "file with the token, to keep it out of process lists; - is standard input")
	c.Flags().DurationVar(&wait, "wait", 15*time.Minute, "how long to wait for a host; 0 waits forever")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// mostToken is more than any token has, in bytes.
const mostToken = 4096

// tokenText returns the token from the arguments, the file or standard input.
func tokenText(c *cobra.Command, args []string, file string) (string, error) {
	switch {
	case len(args) == 1 && file == "":
		return args[0], nil
	case len(args) == 1 || file == "":
		return "", fmt.Errorf("%w: give the token, or --token-file", ErrUsage)
	}
	in := c.InOrStdin()
	if file != "-" {
		opened, err := os.Open(file) // a pipe too, as a shell makes one of a command
		if err != nil {
			return "", fmt.Errorf("%w: --token-file: %w", ErrUsage, err)
		}
		defer opened.Close()
		in = opened
	}
	text, err := io.ReadAll(io.LimitReader(in, mostToken+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: --token-file: %w", ErrUsage, err)
	case len(text) > mostToken:
		return "", fmt.Errorf("%w: --token-file: the file has more than %d bytes and can't be a token", ErrUsage, mostToken)
	}
	return strings.TrimSpace(string(text)), nil
}
