package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
)

// Paths and calls of the comparison of both databases.
const (
	PathVerify      = "/api/v1/verify"
	PathVerifyBegin = "/api/v1/verify/begin"
	PathVerifyStop  = "/api/v1/verify/stop"

	CallVerify      = "verify"
	CallVerifyStop  = "verify-stop"
	CallVerifyState = "verify-state"
)

// followPace is how often a command asks how far something is that a host does for it.
const followPace = 200 * time.Millisecond

// Verification is the part of a main that compares both databases while in service.
type Verification interface {
	// BeginVerify begins a comparison and returns at once; a standby forwards it. ErrRefused: one runs, or the other host is
	// not in sync.
	BeginVerify(ctx context.Context, caller Caller, q VerifyRequest) (bus.VerifyState, error)
	// VerifyState tells how far it is, or what came of the last one, which both hosts know.
	VerifyState(ctx context.Context, caller Caller) (bus.VerifyState, error)
	// StopVerify ends it. ErrRefused: none runs.
	StopVerify(ctx context.Context, caller Caller) (bus.VerifyState, error)
}

// VerifyRequest says what to do beside comparing.
type VerifyRequest struct {
	Repair bool `json:"repair"` // make the standby's keys what they are on the active
}

// VerifySentence says in one line what came of a comparison.
func VerifySentence(s bus.VerifyState) string {
	switch {
	case s.ID == "":
		return "both databases were never compared"
	case s.Running:
		return fmt.Sprintf("%s and %s are being compared, %d %% done", s.Host, s.Peer, int(s.Done*100))
	}
	text := fmt.Sprintf("%s compared on %s and %s, %s", count(uint64(s.Keys), "key"), s.Host, s.Peer, differing(s))
	if s.DamagedHere > 0 {
		text += fmt.Sprintf("; %d of them damaged on %s, which is not copied", s.DamagedHere, s.Host)
	}
	if s.Failure != "" {
		text += "; not finished: " + s.Failure
	}
	return text
}

func differing(s bus.VerifyState) string {
	switch {
	case s.Different == 0 && s.Failure == "":
		return "all alike"
	case s.Different == 0:
		return "none differs so far"
	case s.Repaired == s.Different:
		return fmt.Sprintf("%d differed and were repaired on %s", s.Different, s.Peer)
	case s.Repaired > 0:
		return fmt.Sprintf("%d differ, %d of them were repaired on %s", s.Different, s.Repaired, s.Peer)
	case s.Different == 1:
		return "1 differs"
	}
	return fmt.Sprintf("%d differ", s.Different)
}

func (h *handler) verify(w http.ResponseWriter, r *http.Request) error {
	var q VerifyRequest
	if err := arguments(r, &q); err != nil {
		return err
	}
	return carryOut(h, w, r, "verify", answerWithin, func(ctx context.Context, caller Caller) (bus.VerifyState, error) {
		return h.host.BeginVerify(ctx, caller, q)
	})
}

func (h *handler) verifyState(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	s, err := h.host.VerifyState(ctx, Caller{From: r.RemoteAddr})
	if err != nil {
		return err
	}
	return answer(w, s)
}

func (h *handler) stopVerify(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	return carryOut(h, w, r, "end of verify", answerWithin, h.host.StopVerify)
}

// BeginVerify begins a comparison of both databases.
func (c *Client) BeginVerify(ctx context.Context, q VerifyRequest) (bus.VerifyState, error) {
	var s bus.VerifyState
	return s, c.post(ctx, PathVerifyBegin, q, &s)
}

// VerifyState asks how far it is.
func (c *Client) VerifyState(ctx context.Context) (bus.VerifyState, error) {
	var s bus.VerifyState
	return s, c.call(ctx, http.MethodGet, PathVerify, &s)
}

// StopVerify ends it.
func (c *Client) StopVerify(ctx context.Context) (bus.VerifyState, error) {
	var s bus.VerifyState
	return s, c.post(ctx, PathVerifyStop, struct{}{}, &s)
}

// ErrDiffers says that both databases were compared and are not alike.
var ErrDiffers = errors.New("the databases differ")

func verifyCommand() *cobra.Command {
	f := &flags{}
	var repair, last, stop bool
	c := command("verify", "Compare both hosts' databases while they are in service",
		`Compares everything that both hosts hold, section by section, each at one position of the history: data of all services,
recorded answers, epochs and the history itself. Updates go on meanwhile. Keys that differ are named, with what is wrong
with them: missing or extra on the standby, or different; and on which host the value is not what was once written.

With --repair the standby's keys are made what they are on the active, never the other way. A key whose value is damaged
on the active itself is left alone: switch over to the other host first, then repair.

Exit code 1 if something differs (and was not repaired) or could not be compared. Ctrl-C ends the comparison.`,
		`  hotpair verify                                   # both databases, now
  hotpair verify --repair && hotpair verify        # mend the standby, look again
  hotpair verify --last                            # what came of the last one, without comparing
  hotpair verify --json | jq '.named[] | "\(.space) \(.key)"'`,
		f, func(ctx context.Context, c *cobra.Command, targets []target) error {
			client, _, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			var s bus.VerifyState
			switch {
			case stop && (last || repair) || last && repair:
				return fmt.Errorf("%w: give one of --repair, --last and --stop", ErrUsage)
			case stop:
				s, err = client.StopVerify(ctx)
			case last:
				s, err = client.VerifyState(ctx)
			default:
				s, err = followVerify(ctx, client, VerifyRequest{Repair: repair}, newProgress(c.ErrOrStderr(), "verify"))
			}
			if err != nil {
				return fmt.Errorf("verify: %w", err)
			}
			if f.json {
				if err := printJSON(c, s); err != nil {
					return err
				}
			} else {
				screen := &screen{colour: isTerminal(c.OutOrStdout())}
				verifyScreen(screen, s)
				fmt.Fprint(c.OutOrStdout(), screen.out.String())
			}
			switch {
			case stop || s.Clean() || last && (s.ID == "" || s.Running):
				return nil
			case s.Failure != "":
				return fmt.Errorf("verify: %w: %s", ErrUnfinished, s.Failure)
			}
			return fmt.Errorf("verify: %w in %s", ErrDiffers, count(uint64(s.Different-s.Repaired), "key"))
		})
	c.Flags().BoolVar(&repair, "repair", false, "make the standby's keys what they are on the active")
	c.Flags().BoolVar(&last, "last", false, "show the last comparison, or the one that runs")
	c.Flags().BoolVar(&stop, "stop", false, "end the comparison that runs")
	return c
}

// followVerify begins a comparison, shows how far it is, and ends it when the command is ended.
func followVerify(ctx context.Context, client *Client, q VerifyRequest, bar *progress) (bus.VerifyState, error) {
	defer bar.end()
	begun, err := client.BeginVerify(ctx, q)
	if err != nil {
		return begun, err
	}
	for failures := 0; ; {
		select {
		case <-time.After(followPace):
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
			defer cancel()
			s, err := client.StopVerify(last)
			return s, errors.Join(ErrUnfinished, err)
		}
		s, err := client.VerifyState(ctx)
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil:
			if failures++; failures > 10 {
				return s, fmt.Errorf("whether it goes on is not known, see hotpair verify --last: %w", err)
			}
			continue
		case s.ID != begun.ID:
			return s, fmt.Errorf("%w: it ended with the term of the host that led it", ErrUnfinished)
		case !s.Running:
			return s, nil
		}
		failures = 0
		words := s.Bucket + ", " + count(uint64(s.Keys), "key")
		if s.Different > 0 {
			words += ", " + differing(s)
		}
		bar.show(s.Done, words)
	}
}

func verifyScreen(s *screen, v bus.VerifyState) {
	level := Good
	if v.ID != "" && !v.Running && !v.Clean() {
		level = Bad
	}
	s.headline(level, VerifySentence(v))
	if v.ID == "" {
		return
	}
	s.line("")
	ended := time.Now()
	if !v.Running {
		ended = v.Ended
	}
	s.row("begun", shortTime(v.Began)+" by "+v.By+", took "+ago(ended.Sub(v.Began)))
	s.row("read", fmt.Sprintf("%s in %s on each host, last at %s; %d read again", bytesWord(v.Bytes), count(uint64(v.Sections), "section"), v.Position, v.Retries))
	if len(v.Named) == 0 {
		return
	}
	s.line("")
	s.line(pad("SPACE", 16) + pad("ON "+v.Peer, 12) + pad("DAMAGED ON", 12) + pad("REPAIRED", 10) + "KEY")
	for _, d := range v.Named {
		repaired := "no"
		if d.Repaired {
			repaired = "yes"
		}
		s.line(pad(d.Space, 16) + pad(d.Kind, 12) + pad(orWord(d.Damaged, "-"), 12) + pad(repaired, 10) + d.Key)
	}
	if rest := v.Different - len(v.Named); rest > 0 {
		s.line(fmt.Sprintf("and %d more", rest))
	}
}

// bytesWord is an amount of bytes for people.
func bytesWord(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
