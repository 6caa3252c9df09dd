package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/wires"
)

func statusCommand() *cobra.Command {
	f := &flags{}
	var watch bool
	every := time.Second
	c := command("status", "Show the state of the pair",
		`Shows on one screen which host serves, whether the other one could take over now, what is missing if it could not,
and the last events. The first line is the verdict: green is "either host may fail", yellow is "serves, without
redundancy", red is "nobody serves, or this host can't do its part". With --watch the screen is refreshed until Ctrl-C,
and shows its age when no host answers any more.

With the first line in red the exit code is 1.`,
		`  hotpair status                                   # the pair, as the host that serves sees it
  hotpair status --host b                          # the same from the other side
  hotpair status --watch --interval 200ms          # during a switchover or game day
  hotpair status --json | jq -r .active            # for scripts
  hotpair status --http http://10.0.0.1:7704`,
		f, func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
			if watch {
				return f.watch(ctx, c, targets, every)
			}
			return f.status(ctx, c, targets)
		})
	c.Flags().BoolVarP(&watch, "watch", "w", false, "refresh until Ctrl-C; with --json one line each time")
	c.Flags().DurationVar(&every, "interval", every, "how often to refresh with --watch, at least 50ms")
	return c
}

// errRed ends hotpair status with exit code 1 when its first line is red, for scripts.
var errRed = errors.New("status: nobody serves, or this host can't do its part")

func (f *flags) status(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
	looks, err := hosts.LookAround(ctx, c, targets)
	if err != nil {
		return err
	}
	st := looks[0].Status
	if err := f.show(c, st, func(s *screen.Screen) { statusScreen(s, st) }); err != nil {
		return err
	}
	if st.Level == operator.Bad.String() {
		return errRed
	}
	return nil
}

// shownEvents is how many of the last events status shows.
const shownEvents = 6

// statusScreen shows the status of one host.
func statusScreen(s *screen.Screen, st operator.Status) {
	s.Headline(operator.LevelOf(st.Level), st.Sentence)
	if st.Pause != nil {
		s.Headline(operator.Warning, st.Pause.Sentence())
	}
	if st.Scheduled != nil {
		s.Headline(operator.Warning, st.Scheduled.Sentence(st.Time))
	}
	if st.Wires.Insecure {
		s.Headline(operator.Warning, wires.Insecure)
	}
	s.Line("")
	s.Row("host "+st.Host, hostRow(st))
	s.Row("pair", pairRow(st))
	s.Row("updates", updatesRow(st))
	if row := timeRow(st); row != "" {
		s.Row("time", row)
	}
	s.Row("peer "+st.Peer.Host, peerRow(st))
	if row := progressRow(st); row != "" {
		s.Row("progress", row)
	}
	s.Row("witness", witnessRow(st.Witness))
	if st.Witness.Keys != nil {
		s.Row("", "lets in "+st.Witness.Keys.Sentence())
	}
	if st.Witness.KeysProblem != "" {
		s.Row("", st.Witness.KeysProblem)
	}
	label := "wires"
	for _, row := range wiresRows(st.Wires) {
		s.Row(label, row)
		label = ""
	}
	s.Row("terminals", fmt.Sprintf("%d attached, %d warm, %d unreachable", st.Terminals.Attached, st.Terminals.Warm, st.Terminals.Unreachable))
	if st.Audit != nil {
		s.Row("audit", fmt.Sprintf("epoch %d: %s", st.Audit.Epoch, st.Audit.Sentence()))
	}
	if st.Trail != nil {
		s.Row("trail", st.Trail.Sentence())
	}
	if st.Backups != nil {
		s.Row("backups", st.Backups.Sentence(st.Time))
	}
	label = "processes"
	for _, name := range slices.Sorted(maps.Keys(st.Processes)) {
		s.Line("  " + screen.Pad(label, 10) + processRow(name, st.Processes[name]))
		label = ""
	}
	label = "alarms"
	for _, alarm := range st.Alarms {
		s.Row(label, alarm.Text)
		label = ""
	}
	if len(st.Events) == 0 {
		return
	}
	label = "events"
	for _, e := range st.Events[max(0, len(st.Events)-shownEvents):] {
		s.Line("  " + screen.Pad(label, 10) + eventRow(e))
		label = ""
	}
}

// progressRow shows the progress of the host that catches up; "" when none does.
func progressRow(st operator.Status) string {
	for _, c := range []*operator.CatchUp{st.CatchUp, st.Peer.CatchUp} {
		if c != nil {
			return screen.Cells(c.Done) + c.Suffix(" ")
		}
	}
	return ""
}

// timeRow shows clocks that disagree; "" when they agree.
func timeRow(st operator.Status) string {
	var parts []string
	if c := st.Peer.Clock; c != nil && (time.Duration(c.AheadMS)*time.Millisecond).Abs() > clocks.Apart {
		parts = append(parts, fmt.Sprintf("the clock of %s is %s", st.Peer.Host, wording.Off(time.Duration(c.AheadMS)*time.Millisecond)))
	}
	if off := st.PairTime.Sub(st.Time); !st.PairTime.IsZero() && !st.Time.IsZero() && off.Abs() > clocks.Off {
		parts = append(parts, fmt.Sprintf("pair time is %s: %s", st.PairTime.Format(time.RFC3339), wording.Off(off)))
	}
	if !st.Time.IsZero() && st.Forgotten.Sub(st.Time) > clocks.Off {
		parts = append(parts, "request ids made by applications are refused until "+st.Forgotten.Format(time.RFC3339))
	}
	return strings.Join(parts, "; ")
}

func hostRow(st operator.Status) string {
	text := st.Role
	if !st.Since.IsZero() && !st.Time.IsZero() {
		text += " for " + wording.Ago(st.Time.Sub(st.Since))
	}
	text += fmt.Sprintf(", epoch %d", st.Epoch)
	switch {
	case st.Serves():
		text += fmt.Sprintf(", may answer for another %dms", st.RightUntilMS)
	case st.Role == "active":
		text += ", may not answer"
	case st.Role == "standby" && !st.Fit:
		text += ", not fit to serve: " + wording.Or(st.Unfit, "no reason given")
	}
	return text
}

func pairRow(st operator.Status) string {
	set := "nobody"
	if len(st.InSync) > 0 {
		set = strings.Join(st.InSync, ", ")
	}
	mode := wording.Or(st.Mode, "no mode yet")
	if !st.ModeSince.IsZero() && !st.Time.IsZero() {
		mode += " for " + wording.Ago(st.Time.Sub(st.ModeSince))
	}
	return fmt.Sprintf("%s; active: %s; in sync: %s; record version %d", mode, wording.Or(st.Active, "nobody"), set, st.RecordVersion)
}

func updatesRow(st operator.Status) string {
	text := fmt.Sprintf("at %s, committed %s, applied %s", st.Position, st.Committed, st.Applied)
	if st.Lag > 0 {
		text += " (" + wording.Grouped(st.Lag) + " to go)"
	}
	if st.Role == "active" {
		text += fmt.Sprintf(", notified %s", st.Notified)
		if st.Behind > 0 {
			text += " (" + wording.Grouped(st.Behind) + " not notified)"
		}
	}
	if st.Divergent > 0 {
		text += ", " + wording.Count(uint64(st.Divergent), "update") + " divergent"
	}
	return text
}

// heard formats how long ago something was, in milliseconds; -1 is never.
func heard(ms int64) string {
	if ms < 0 {
		return "never"
	}
	return wording.Ago(time.Duration(ms)*time.Millisecond) + " ago"
}

func peerRow(st operator.Status) string {
	p := st.Peer
	if p.Host == "" {
		return "not heard of yet"
	}
	text := fmt.Sprintf("link %s, replication %s", p.Link, p.Replication)
	switch {
	case p.HeardMS < 0:
		text += ", never heard"
	default:
		text += ", heard " + heard(p.HeardMS)
	}
	if p.Role != "" {
		text += ", " + p.Role + " at " + p.Position.String()
	}
	if word := operator.ProgressWord(p.Progress); word != "" && st.Role == "active" {
		text += ", " + word + p.CatchUp.Suffix(", ")
	}
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}

func witnessRow(w operator.Witness) string {
	if w.None {
		return strings.TrimSuffix("none: the terminals are asked which host serves; "+w.Problem, "; ")
	}
	text := wording.Or(w.Address, "none")
	if w.Reachable {
		return text + ", reachable, record read " + heard(w.HeardMS)
	}
	text += ", not reachable"
	if w.HeardMS >= 0 {
		text += ", record read " + heard(w.HeardMS)
	}
	if w.Problem != "" {
		text += ": " + w.Problem
	}
	return text
}

// wiresRows show the certificates at both ends of the wires, and until when they are valid.
func wiresRows(w wires.Seen) []string {
	switch {
	case w.Insecure:
		return []string{"PLAIN TEXT between machines"}
	case !w.TLS:
		return []string{"plain text, within this machine only"}
	}
	until := func(t time.Time, age identity.Age) string {
		text := " until " + t.UTC().Format(time.DateOnly)
		if age.Bad() || age == identity.Due {
			text += " (" + strings.ToUpper(string(age)) + ")"
		}
		return text
	}
	c := w.Certificate
	own := "TLS 1.3 as " + c.Name + until(c.NotAfter, c.Age)
	for _, r := range c.Roots {
		own += "; root" + until(r.NotAfter, "")
	}
	rows := []string{own}
	if w.Optional {
		rows = append(rows, fmt.Sprintf("PLAIN TEXT FOR MACHINES WITHOUT A CERTIFICATE (HOTPAIR_TLS_OPTIONAL): %d connections", w.Clear))
	}
	if c.Fault != "" {
		rows = append(rows, "CERTIFICATE FILES CAN'T BE USED: "+c.Fault)
	}
	var others []string
	for _, p := range w.Peers {
		others = append(others, path.Base(p.Name)+until(p.NotAfter, p.Age))
	}
	if len(others) > 0 {
		rows = append(rows, "to "+strings.Join(others, ", "))
	}
	var refused uint64
	for _, d := range w.Doors {
		for _, n := range d.Refused {
			refused += n
		}
	}
	if refused > 0 {
		rows = append(rows, wording.Count(refused, "connection")+" refused: hotpair doctor says why")
	}
	if w.Doubt != "" {
		rows = append(rows, "the clock is in doubt: "+w.Doubt)
	}
	return rows
}

func processRow(name string, p operator.Process) string {
	text := screen.Pad(name, 18) + screen.Pad(p.State, 11)
	if p.PID != 0 {
		text += screen.Pad("pid "+strconv.Itoa(p.PID), 13)
	} else {
		text += screen.Pad("", 13)
	}
	if p.HeardMS >= 0 && p.PID != 0 {
		text += screen.Pad("heard "+heard(p.HeardMS), 17)
	} else {
		text += screen.Pad("", 17)
	}
	if p.Restarts > 0 {
		text += wording.Count(uint64(p.Restarts), "restart")
		if p.Reason != "" {
			text += ", last: " + p.Reason
		}
	} else if p.Reason != "" {
		text += p.Reason
	}
	return text
}

func eventRow(e operator.Event) string {
	text := e.Time.UTC().Format("15:04:05.000") + "  " + screen.Pad(e.Step, 4) + screen.Pad(e.Host, 4) + e.Text
	if e.Took > 0 {
		text += " (" + wording.Milliseconds(e.Took) + ")"
	}
	return text
}
