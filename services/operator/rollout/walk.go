package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
)

// ErrDoubt says that a rollout stopped because the pair is not in a state for the next step. Finished steps stay; the
// rollout can be continued or reversed.
var ErrDoubt = errors.New("stopped")

// lookEvery is how often the hosts are examined while waiting.
const lookEvery = time.Second

// Pair is the pair that is upgraded.
type Pair interface {
	// Look returns the present state. The error is that no host answers.
	Look(ctx context.Context) (State, error)
	// Switchover makes the other host serve.
	Switchover(ctx context.Context) error
}

// Config of a rollout.
type Config struct {
	Target string // version, in one word
	// Install installs the target on a host and restarts that; nil: a person does, and is waited for without a limit.
	Install func(ctx context.Context, host string) error
	// Within is how long the pair may take to recover after each step.
	Within time.Duration
	// Say is called for each step as it begins, and for each wait when its reason changes.
	Say func(Step)
}

// Check refuses an invalid Config. The error is operator.ErrUsage.
func (c Config) Check() error {
	if fields := strings.Fields(c.Target); len(fields) != 1 || fields[0] != c.Target {
		return fmt.Errorf("%w: --to %q is not a version: write one word, as shown by hotpair version", operator.ErrUsage, c.Target)
	}
	if c.Within <= 0 {
		return fmt.Errorf("%w: --within %s is too short for a pair to recover", operator.ErrUsage, c.Within)
	}
	return nil
}

// walk is one rollout.
type walk struct {
	Config
	pair     Pair
	attached int    // the most terminals that were served
	said     string // the wait that was told last
}

// Walk makes steps until both hosts run the target. Errors: ErrDoubt, those of Install and Switchover, the cause of
// ctx.
func Walk(ctx context.Context, pair Pair, c Config) error {
	w := &walk{Config: c, pair: pair}
	for {
		s, err := w.whole(ctx)
		if err != nil {
			return err
		}
		step := Next(s, w.Target)
		w.Say(step)
		switch step.Kind {
		case Done:
			return nil
		case Switchover:
			err = w.switchover(ctx)
		case Install:
			err = w.install(ctx, step.Host, s.version(step.Host))
		}
		if err != nil {
			return fmt.Errorf("%s: %w; run the same command again to continue from here", step.Kind, err)
		}
	}
}

// whole waits until the pair is ready for the next step.
func (w *walk) whole(ctx context.Context) (State, error) {
	var s State
	return s, w.await(ctx, w.Within, func() (string, error) {
		var err error
		if s, err = w.pair.Look(ctx); err != nil {
			return err.Error(), nil
		}
		if s.Doubt == "" && s.Attached != Unknown && s.Attached < w.attached {
			s.Doubt = fmt.Sprintf("%d terminals are served, but %d were before", s.Attached, w.attached)
		}
		w.attached = max(w.attached, s.Attached)
		if step := Next(s, w.Target); step.Kind == Wait {
			return step.Text, nil
		}
		return "", nil
	})
}

// switchover makes the other host serve. A refusal, after which nothing was done, is retried: on a busy machine a host
// may be behind for an instant after it was examined.
func (w *walk) switchover(ctx context.Context) error {
	return w.await(ctx, w.Within, func() (string, error) {
		err := w.pair.Switchover(ctx)
		if errors.Is(err, operator.ErrRefused) {
			return err.Error(), nil
		}
		return "", err
	})
}

// install waits until a host that ran another version runs the target.
func (w *walk) install(ctx context.Context, host, before string) error {
	within := time.Duration(0)
	if w.Install != nil {
		if err := w.Install(ctx, host); err != nil {
			return fmt.Errorf("on %s: %w", host, err)
		}
		within = w.Within
	}
	return w.await(ctx, within, func() (string, error) {
		s, err := w.pair.Look(ctx)
		if err != nil {
			return err.Error(), nil
		}
		switch now := s.version(host); now {
		case w.Target:
			return "", nil
		case before:
			return fmt.Sprintf("%s still runs %s", host, before), nil
		case "":
			return host + " does not answer", nil
		default:
			return "", fmt.Errorf("%w: %s runs %s now instead of %s: install that version, or start again with --to %s", ErrDoubt, host, now, w.Target, now)
		}
	})
}

// await waits until there is no reason to wait. within 0 is without a limit. The error names the last reason.
func (w *walk) await(ctx context.Context, within time.Duration, look func() (reason string, err error)) error {
	began := time.Now()
	for {
		reason, err := look()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || reason == "" {
			w.said = ""
			return err
		}
		if within > 0 && time.Since(began) > within {
			return fmt.Errorf("%w: no progress for %s: %s; nothing more was done. Fix that and start again, or go back with --to and the previous version", ErrDoubt, within, reason)
		}
		if reason != w.said {
			w.said = reason
			w.Say(Step{Wait, "", reason})
		}
		if err := pace.Rest(ctx, lookEvery); err != nil {
			return context.Cause(ctx)
		}
	}
}
