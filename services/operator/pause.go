package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// Paths and names of the calls.
const (
	PathPause  = "/api/v1/pause"
	PathResume = "/api/v1/resume"
	CallPause  = "pause"
	CallResume = "resume"

	// DefaultPause is how long a pause lasts when nobody says.
	DefaultPause = 30 * time.Minute

	// pauseWithin bounds a call: a compare-and-set, and what may be under way before it.
	pauseWithin = 15 * time.Second
)

// Pauses is the part of Host about pausing automatic takeover. A standby forwards both to the active. Errors: ErrRefused,
// ErrForward, ErrUnfinished when the pair record could not be changed in time, and it is open whether it will be.
type Pauses interface {
	// Pause holds back automatic takeover and hand-over on both hosts.
	Pause(ctx context.Context, caller Caller, request PauseRequest) (PauseResult, error)
	// Resume ends a pause before its time.
	Resume(ctx context.Context, caller Caller) (PauseResult, error)
}

// PauseRequest says how long.
type PauseRequest struct {
	For string `json:"for"` // a Go duration like 30m; "" is DefaultPause
}

// Duration gives how long the pause shall last. The error is ErrUsage.
func (r PauseRequest) Duration() (time.Duration, error) {
	if r.For == "" {
		return DefaultPause, nil
	}
	d, err := time.ParseDuration(r.For)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%w: %q is no duration like 30m or 1h30m", ErrUsage, r.For)
	}
	return d, nil
}

// PauseResult is what became of a call.
type PauseResult struct {
	ID            string `json:"id"`
	Host          string `json:"host"` // the active, which changed the pair record
	Pause         *Pause `json:"pause,omitempty"`
	RecordVersion uint64 `json:"record_version"`
	// PeerKnows: the other host has said that it knows. Until then its next read of the record tells it, and before that
	// no takeover of its own can succeed.
	PeerKnows bool `json:"peer_knows"`
}

// Pause is a pause that lasts.
type Pause struct {
	Until    time.Time `json:"until"`   // on the wall clock of who set it
	LeftMS   int64     `json:"left_ms"` // as this host counts
	By       string    `json:"by"`
	HeldBack string    `json:"held_back,omitempty"` // what would have been done without it
}

// sentence says it for people.
func (p *Pause) sentence() string {
	text := fmt.Sprintf("PAUSED: no automatic takeover for another %s (until %s UTC, by %s)", ago(time.Duration(p.LeftMS)*time.Millisecond), shortTime(p.Until), p.By)
	if p.HeldBack != "" {
		text += "; held back: " + p.HeldBack
	}
	return text
}

func (h *handler) pause(w http.ResponseWriter, r *http.Request) error {
	var request PauseRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if _, err := request.Duration(); err != nil {
		return err
	}
	return carryOut(h, w, r, CallPause, pauseWithin, func(ctx context.Context, caller Caller) (PauseResult, error) {
		return h.host.Pause(ctx, caller, request)
	})
}

func (h *handler) resume(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	return carryOut(h, w, r, CallResume, pauseWithin, h.host.Resume)
}

// Pause holds back automatic takeover. Errors: ErrUnreachable, those of Pauses.
func (c *Client) Pause(ctx context.Context, request PauseRequest) (PauseResult, error) {
	var result PauseResult
	return result, c.post(ctx, PathPause, request, &result)
}

// Resume ends a pause. Errors: ErrUnreachable, those of Pauses.
func (c *Client) Resume(ctx context.Context) (PauseResult, error) {
	var result PauseResult
	return result, c.post(ctx, PathResume, struct{}{}, &result)
}

func pauseCommand() *cobra.Command {
	f := &flags{}
	var request PauseRequest
	c := argued("pause", "Hold back automatic takeover, for maintenance",
		`Until the pause ends neither host takes over or hands over by itself, whatever happens to the other: for work on the
network or the machines that would look like a failure. It is kept in the pair record, so both hosts know and a restart of
either does not end it; it ends by itself. What it does not forbid: the active going on alone when the standby is gone, its
own return after a restart, and hotpair switchover. It needs an active and the witness. While it lasts a failure of the
active stops the service until it returns, or until hotpair resume.`,
		`  hotpair pause                                    # for half an hour
  hotpair pause --for 2h
  hotpair resume                                   # as soon as you are done`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			if _, err := request.Duration(); err != nil {
				return fmt.Errorf("--for: %w", err)
			}
			return f.setPause(ctx, c, "pause", func(ctx context.Context, client *Client) (PauseResult, error) { return client.Pause(ctx, request) })
		})
	c.Flags().StringVar(&request.For, "for", DefaultPause.String(), "how long, up to 24h")
	return c
}

func resumeCommand() *cobra.Command {
	f := &flags{}
	return argued("resume", "End a pause of automatic takeover",
		`Ends what hotpair pause began. If the active is gone by now the standby takes over at once.`,
		`  hotpair resume && hotpair status`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			return f.setPause(ctx, c, "resume", func(ctx context.Context, client *Client) (PauseResult, error) { return client.Resume(ctx) })
		})
}

// noArguments refuses arguments.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument %q", c.CommandPath(), args[0])
	}
	return nil
}

func (f *flags) setPause(ctx context.Context, c *cobra.Command, what string, call func(context.Context, *Client) (PauseResult, error)) error {
	client, _, err := f.client(ctx, c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pauseWithin+lookWithin)
	defer cancel()
	result, err := call(ctx, client)
	switch {
	case errors.Is(err, ErrRefused):
		return fmt.Errorf("%s refused, nothing was done: %w", what, err)
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case f.json:
		return printJSON(c, result)
	}
	s := &screen{colour: isTerminal(c.OutOrStdout())}
	pauseScreen(s, result)
	_, err = fmt.Fprint(c.OutOrStdout(), s.out.String())
	return err
}

func pauseScreen(s *screen, result PauseResult) {
	if result.Pause == nil {
		s.headline(Good, "automatic takeover is on again")
	} else {
		s.headline(Warning, result.Pause.sentence())
		s.line("A failure of " + result.Host + " now stops the service until it is back. End it with hotpair resume.")
	}
	if !result.PeerKnows {
		s.line("The other host has not heard of it yet; it can't take over before it has.")
	}
}
