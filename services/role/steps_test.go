package role_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/hotpair/hotpair/services/role"
)

// TestSteps_B1toB9 holds each step of a takeover against the machine: who reports it, when, and what is ordered with it.
func TestSteps_B1toB9(t *testing.T) {
	tests := []struct {
		step  Step
		quote string // of the patent
		play  []string
		host  string
		says  string
	}{
		{B1, "a process ends abnormally: the main process restarts it. Recovered: over",
			[]string{"updater a", "run 100ms"}, "a", "the term continues"},
		{B2, "restarting does not help: the host is faulty",
			[]string{"failed a business.kv"}, "a", "restarting business.kv does not help"},
		{B3, "tell the other host's main process",
			[]string{"failed a business.kv"}, "a", "handing over to b"},
		{B4, "the faulty host's main process asks its own processes to become standby",
			[]string{"failed a business.kv"}, "a", "draining"},
		{B5, "its terminal interface drops its connections to the terminals",
			[]string{"failed a business.kv", "run 10ms"}, "a", "terminals are released"},
		{B6, "when all have switched, the other host's main process is told so",
			[]string{"failed a business.kv", "run 10ms"}, "a", "b is told"},
		{B7, "on B6, the other host's main process asks its own processes to become active",
			[]string{"failed a business.kv", "run 50ms"}, "b", "handed over"},
		{B7, "on losing the link, the other host's main process asks its own processes to become active",
			[]string{"kill a", "run 50ms"}, "b", "a refuses connections"},
		{B8, "its terminal interface connects to the terminals",
			[]string{"kill a", "run 50ms"}, "b", "attaching terminals"},
		{B9, "when all have switched, the switchover is complete",
			[]string{"kill a", "run 50ms"}, "b", "takeover complete"},
	}
	for _, test := range tests {
		t.Run(string(test.step)+" "+test.play[0], func(t *testing.T) {
			w := newWorld(t)
			for _, line := range append([]string{"start a", "start b", "run 1s"}, test.play...) {
				if line == test.play[0] {
					w.take()
				}
				w.command(strings.Fields(line))
			}
			lines := w.take()
			want := " " + test.host + " " + string(test.step) + " "
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, want) && strings.Contains(l, test.says) }) {
				t.Errorf("%s: %q: %s does not report %q\n%s", test.step, test.quote, test.host, test.says, strings.Join(lines, "\n"))
			}
		})
	}
}

// TestSteps_InOrder: B3 to B6 happen on the active before B7 to B9 on the standby, and the old host's right has ended
// before the new one's begins.
func TestSteps_InOrder(t *testing.T) {
	w := newWorld(t)
	for _, line := range []string{"start a", "start b", "run 1s"} {
		w.command(strings.Fields(line))
	}
	w.take()
	w.command([]string{"switchover", "a"})
	w.run(w.now + 100*time.Millisecond)
	var steps []string
	for _, l := range w.take() {
		if f := strings.Fields(l); len(f) > 2 && strings.HasPrefix(f[2], "B") {
			steps = append(steps, f[1]+f[2])
		}
	}
	if got, want := strings.Join(slices.Compact(steps), " "), "aB3 aB4 aB5 aB6 bB7 bB8 bB9"; got != want {
		t.Errorf("steps %s, want %s", got, want)
	}
}
