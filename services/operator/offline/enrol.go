package offline

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
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
)

// EnrolCommand gives terminal enrol.
func EnrolCommand() *cobra.Command {
	var dir, listen, file string
	var wait time.Duration
	var asJSON bool
	c := usage.Command("enrol TOKEN", "Make this terminal a member of the pair, with a one-time token",
		`A terminal needs a certificate before hosts serve it. An operator adds it (hotpair terminals add ID=nats://HOST:PORT) and is given a token, once; here
it is used. The agent makes its key, which never leaves this machine, and listens where hosts will dial it; the host that serves
dials, both prove that they know the token without sending it, and the agent is given its certificate. Killed in the middle,
run it again with the same token: it goes on with the same key.

What it writes lies in HOTPAIR_DATA. The settings for the agent are in enrolled.env there: start hotpair terminal with them
(systemd: EnvironmentFile=). The agent must not run while it enrols: it has the port. Its certificate is renewed by itself.`,
		`  HOTPAIR_DATA=/var/lib/hotpair-terminal hotpair terminal enrol till-7.shop.tmz4xs.OKH3….QM2A
  hotpair terminal enrol --data /var/lib/hotpair-terminal --token-file token.txt --wait 1h`,
		cobra.MaximumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			text, err := tokenText(c, args, file)
			if err != nil {
				return err
			}
			token, err := enrolment.ParseToken(text)
			if err != nil {
				return fmt.Errorf("%w: %w", operator.ErrUsage, err)
			}
			if dir == "" {
				dir = os.Getenv(config.Prefix + "_DATA")
			}
			if dir == "" {
				return fmt.Errorf("%w: terminal enrol needs --data or HOTPAIR_DATA: the directory of the agent", operator.ErrUsage)
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
				return screen.JSON(c.OutOrStdout(), done)
			}
			s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
			if done.Already {
				s.Headline(operator.Good, fmt.Sprintf("Terminal %s of pair %s has used this token already; nothing was done", done.Terminal, done.Pair))
			} else {
				s.Headline(operator.Good, fmt.Sprintf("Terminal %s is a member of pair %s now; host %s has enrolled it", done.Terminal, done.Pair, done.Host))
			}
			s.Row("key", done.Fingerprint.String())
			s.Row("until", done.NotAfter.UTC().Format(time.DateOnly)+", renewed before by itself")
			if done.Ahead.Abs() > time.Minute {
				s.Line(fmt.Sprintf("The clock of that host differs from the one here by %v: set the one that is wrong.", done.Ahead))
			}
			s.Line("Start the agent with the settings in " + done.Settings)
			_, err = io.WriteString(c.OutOrStdout(), s.Out.String())
			return err
		})
	c.Flags().StringVar(&dir, "data", "", "directory of the agent (default HOTPAIR_DATA)")
	c.Flags().StringVar(&listen, "listen", "", "where hosts dial (default HOTPAIR_TERMINAL_LISTEN, :4223)")
	c.Flags().StringVar(&file, "token-file", "", "file with the token, so that it stands in no list of processes; - is standard input")
	c.Flags().DurationVar(&wait, "wait", 15*time.Minute, "how long to wait for a host; 0 is for ever")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// tokenText gives the token as it was given.
func tokenText(c *cobra.Command, args []string, file string) (string, error) {
	switch {
	case len(args) == 1 && file == "":
		return args[0], nil
	case len(args) == 1 || file == "":
		return "", fmt.Errorf("%w: name the token, or --token-file", operator.ErrUsage)
	}
	text, err := usage.Secret(c.InOrStdin(), "--token-file", file)
	return strings.TrimSpace(text), err
}
