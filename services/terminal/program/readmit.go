package program

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/terminal"
)

// ErrNotConfirmed says that the person at the prompt did not agree. Nothing was done.
var ErrNotConfirmed = errors.New("not confirmed, nothing was done")

// readmitCommand returns terminal readmit.
func (p Program) readmitCommand() *cobra.Command {
	var dir, epoch string
	var asJSON bool
	c := p.below("readmit", "Revoke the epoch that this terminal has accepted (stop its agent first)",
		`An agent permanently refuses hosts of a lower epoch than it has accepted. If a foreign host has taken it over, like a copy of the pair
restored from a backup, it refuses the real hosts from then on. This command, run at the terminal by a person who knows which pair is the
right one, revokes that epoch: the next host that attaches is accepted, unless it is the host of the revoked epoch. Stop that host and
its peer first.

The command shows the epoch and its host and does nothing until the number is typed, or given with --epoch. Applications may have been
told of updates that only that host has: the pair's audit names them.`,
		`  HOTPAIR_DATA=/var/lib/hotpair-terminal PROGRAM readmit
  PROGRAM readmit --data /var/lib/hotpair-terminal --epoch 1000007`,
		cobra.NoArgs, func(ctx context.Context, c *cobra.Command, _ []string) error {
			if dir == "" {
				dir = os.Getenv(config.Prefix + "_DATA")
			}
			if dir == "" {
				return fmt.Errorf("%w: terminal readmit needs --data or HOTPAIR_DATA: the directory of the agent", ErrUsage)
			}
			was, err := terminal.Readmit(dir, func(a terminal.Accepted) error {
				fmt.Fprintf(c.ErrOrStderr(), "This terminal has accepted epoch %d of host %s (identity %s) of pair %s\n",
					a.Epoch, wording.Printable(a.Host), wording.Printable(a.Identity), wording.Printable(a.PairID))
				want, given := strconv.FormatUint(a.Epoch, 10), epoch
				if given == "" {
					return confirm(ctx, c, want)
				}
				if given != want {
					return fmt.Errorf("%w: epoch %s was accepted here, not %s; nothing was done", bus.ErrRefused, want, wording.Printable(given))
				}
				return nil
			})
			switch {
			case err != nil:
				return fmt.Errorf("terminal readmit: %w", err)
			case asJSON:
				return printJSON(c.OutOrStdout(), was)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Epoch %d of host %s is revoked. Start the agent: it accepts the next host of pair %s that attaches, except this one\n",
				was.Epoch, wording.Printable(was.Host), wording.Printable(was.PairID))
			return err
		})
	c.Flags().StringVar(&dir, "data", "", "directory of the agent (default HOTPAIR_DATA)")
	c.Flags().StringVar(&epoch, "epoch", "", "the epoch to revoke; prompted for if not given")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// confirm asks for the expected text, and accepts nothing else. It ends with ctx although a read can't be ended: input
// that arrives afterwards is lost with the process.
func confirm(ctx context.Context, c *cobra.Command, want string) error {
	fmt.Fprintf(c.ErrOrStderr(), "Type %s to continue, anything else to cancel: ", want)
	type read struct {
		line string
		err  error
	}
	typed := make(chan read, 1)
	in := bufio.NewReader(io.LimitReader(c.InOrStdin(), 200))
	go func() {
		line, err := in.ReadString('\n')
		typed <- read{line, err}
	}()
	select {
	case r := <-typed:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return r.err
		}
		if strings.TrimSpace(r.line) != want {
			return ErrNotConfirmed
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
