package rollout

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Screen shows the levels of a pair.
func Screen(s *screen.Screen, l bus.Levels) {
	switch {
	case l.Rose:
		s.Headline(operator.Good, fmt.Sprintf("the pair is at level %d now", l.Level))
		return
	case l.Next > l.Level && l.Hindered == "":
		s.Headline(operator.Good, fmt.Sprintf("the pair is at level %d and can rise to %d: hotpair upgrade finish", l.Level, l.Next))
	case l.Hindered != "":
		s.Headline(operator.Warning, fmt.Sprintf("the pair is at level %d, an upgrade is not finished", l.Level))
		s.Line(l.Hindered)
	default:
		s.Headline(operator.Good, fmt.Sprintf("the pair is at level %d, the newest that both hosts know", l.Level))
	}
	s.Line(fmt.Sprintf("%s knows %v", l.Host, l.Levels))
	if l.PeerLevels.Valid() {
		s.Line(fmt.Sprintf("%s knows %v", l.Peer, l.PeerLevels))
	} else {
		s.Line(l.Peer + " has not reported its levels")
	}
}

// Told prints a step as a line.
func Told(out io.Writer, step Step) {
	text := step.Text
	if step.Kind == Wait {
		text = "  waiting: " + text
	}
	for i, line := range wording.Wrap(text, screen.Width-10) {
		at := "          "
		if i == 0 {
			at = time.Now().Format("15:04:05  ")
		}
		fmt.Fprintln(out, at+line)
	}
}

// breaksOff is how long an installing command may keep running after it was told to end.
const breaksOff = 10 * time.Second

// Shell returns an Install that runs a command of the operator with the shell: HOTPAIR_UPGRADE_HOST and
// HOTPAIR_UPGRADE_TO name the host and the version. Its output goes to out.
func Shell(command, target string, out io.Writer) func(ctx context.Context, host string) error {
	if command == "" {
		return nil
	}
	return func(ctx context.Context, host string) error {
		c := exec.CommandContext(ctx, "/bin/sh", "-c", command)
		c.Env = append(os.Environ(), "HOTPAIR_UPGRADE_HOST="+host, "HOTPAIR_UPGRADE_TO="+target)
		c.Stdout, c.Stderr = out, out
		// It keeps the terminal, for what asks for a password, so it is no group of its own: what it has started hears of an end from the terminal,
		// or from it.
		c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
		c.WaitDelay = breaksOff
		if err := c.Run(); err != nil {
			return fmt.Errorf("the install command: %w", err)
		}
		return nil
	}
}
