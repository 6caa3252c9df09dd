package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Data is what a main offers about the data of the pair.
type Data interface {
	TerminalTable
	Verification
	Backups
	Divergence
}

// dataRoutes are the paths about the data of the pair.
func dataRoutes() map[string]route {
	return map[string]route{
		PathTerminals:       {http.MethodGet, false, (*handler).terminals},
		PathTerminalsAdd:    {http.MethodPost, false, (*handler).addTerminals},
		PathTerminalsRemove: {http.MethodPost, false, (*handler).removeTerminals},
		PathTerminalsProbe:  {http.MethodPost, false, (*handler).probeTerminals},
		PathVerify:          {http.MethodGet, false, (*handler).verifyState},
		PathVerifyBegin:     {http.MethodPost, false, (*handler).verify},
		PathDiverged:        {http.MethodGet, false, (*handler).diverged},
		PathBackup:          {http.MethodPost, false, (*handler).backup},
		PathVerifyStop:      {http.MethodPost, false, (*handler).stopVerify},
	}
}

// dataCommands are the commands about the data of the pair.
func dataCommands() []*cobra.Command {
	return []*cobra.Command{terminalsCommand(), verifyCommand()}
}

// argued makes a command that takes arguments; shown is how help names them.
func argued(use, short, long, example string, f *flags, args cobra.PositionalArgs, run func(ctx context.Context, c *cobra.Command, args []string) error) *cobra.Command {
	c := command(use, short, long, example, f, nil)
	c.Args = func(c *cobra.Command, given []string) error {
		if err := args(c, given); err != nil {
			return fmt.Errorf("%w: %w; see %s --help", ErrUsage, err, c.CommandPath())
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		f.env, f.temp = os.Environ(), os.TempDir()
		return run(ctx, c, given)
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", ErrUsage, err, c.CommandPath())
	})
	return c
}

// client gives the client of the best host there is, and says of the others why they don't answer.
func (f *flags) client(ctx context.Context, c *cobra.Command) (*Client, look, error) {
	targets, err := f.find()
	if err != nil {
		return nil, look{}, err
	}
	looks := lookAt(ctx, targets)
	if looks[0].err != nil {
		return nil, look{}, allDown(looks)
	}
	for _, l := range looks[1:] {
		if l.err != nil {
			fmt.Fprintln(c.ErrOrStderr(), printable(l.sentence()))
		}
	}
	return looks[0].client(), looks[0], nil
}

// post calls a path that changes something, with arguments as its body.
func (c *Client) post(ctx context.Context, path string, arguments, into any) error {
	body, err := json.Marshal(arguments)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return c.callWith(ctx, http.MethodPost, path, body, into)
}

// shortTime is a time of day for people, "" for none.
func shortTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}
