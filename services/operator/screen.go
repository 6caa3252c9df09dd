package operator

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/bus"
)

// width of every screen, in characters.
const width = 100

// shownEvents is how many of the last events status shows.
const shownEvents = 6

// screen collects what a command shows. Text from hosts is made harmless as it comes in.
type screen struct {
	colour bool
	out    strings.Builder
}

// code is the colour of a level, as ANSI has it: green, yellow, red.
func code(l Level) string { return [...]string{"32", "33", "31"}[l] }

func (s *screen) line(text string) {
	s.out.WriteString(strings.TrimRight(fit(printable(text), width), " ") + "\n")
}

// headline is the one line in colour.
func (s *screen) headline(l Level, text string) {
	for i, line := range wrap(printable(text), width) {
		if i > 0 {
			s.out.WriteByte('\n')
		}
		if s.colour {
			line = "\x1b[1;" + code(l) + "m" + line + "\x1b[0m"
		}
		s.out.WriteString(line)
	}
	s.out.WriteByte('\n')
}

// row is a label and text that may go over several lines.
func (s *screen) row(label, text string) {
	indent := max(10, utf8.RuneCountInString(label)+1)
	for _, line := range wrap(text, width-2-indent) {
		s.line("  " + pad(label, indent) + line)
		label = ""
	}
}

// pad fills text up to a column, and separates what is too long for it from what follows.
func pad(text string, to int) string {
	return text + strings.Repeat(" ", max(1, to-utf8.RuneCountInString(text)))
}

// statusScreen shows the status of one host.
func statusScreen(s *screen, st Status) {
	s.headline(st.Summary())
	if st.Pause != nil {
		s.headline(Warning, st.Pause.sentence())
	}
	if st.Scheduled != nil {
		s.headline(Warning, st.Scheduled.sentence(st.Time))
	}
	s.line("")
	s.row("host "+st.Host, hostRow(st))
	s.row("pair", pairRow(st))
	s.row("updates", updatesRow(st))
	s.row("peer "+st.Peer.Host, peerRow(st))
	if row := progressRow(st); row != "" {
		s.row("progress", row)
	}
	s.row("witness", witnessRow(st.Witness))
	s.row("terminals", fmt.Sprintf("%d attached, %d warm, %d unreachable", st.Terminals.Attached, st.Terminals.Warm, st.Terminals.Unreachable))
	if st.Audit != nil {
		s.row("audit", fmt.Sprintf("epoch %d: %s", st.Audit.Epoch, st.Audit.Sentence()))
	}
	label := "processes"
	for _, name := range slices.Sorted(maps.Keys(st.Processes)) {
		s.line("  " + pad(label, 10) + processRow(name, st.Processes[name]))
		label = ""
	}
	label = "alarms"
	for _, alarm := range st.Alarms {
		s.row(label, alarm.Text)
		label = ""
	}
	if len(st.Events) == 0 {
		return
	}
	label = "events"
	for _, e := range st.Events[max(0, len(st.Events)-shownEvents):] {
		s.line("  " + pad(label, 10) + eventRow(e))
		label = ""
	}
}

// progressRow shows how far the host is that is being brought up; "" when none is.
func progressRow(st Status) string {
	for _, c := range []*CatchUp{st.CatchUp, st.Peer.CatchUp} {
		if c != nil {
			return cells(c.Done) + c.suffix(" ")
		}
	}
	return ""
}

func hostRow(st Status) string {
	text := st.Role
	if !st.Since.IsZero() && !st.Time.IsZero() {
		text += " for " + ago(st.Time.Sub(st.Since))
	}
	text += fmt.Sprintf(", epoch %d", st.Epoch)
	switch {
	case st.Serves():
		text += fmt.Sprintf(", may answer for another %dms", st.RightUntilMS)
	case st.Role == "active":
		text += ", may not answer"
	case st.Role == "standby" && !st.Fit:
		text += ", not fit to serve: " + orWord(st.Unfit, "no reason given")
	}
	return text
}

func pairRow(st Status) string {
	set := "nobody"
	if len(st.InSync) > 0 {
		set = strings.Join(st.InSync, ", ")
	}
	mode := orWord(st.Mode, "no mode yet")
	if !st.ModeSince.IsZero() && !st.Time.IsZero() {
		mode += " for " + ago(st.Time.Sub(st.ModeSince))
	}
	return fmt.Sprintf("%s; active: %s; in sync: %s; record version %d", mode, orWord(st.Active, "nobody"), set, st.RecordVersion)
}

func updatesRow(st Status) string {
	text := fmt.Sprintf("at %s, committed %s, applied %s", st.Position, st.Committed, st.Applied)
	if st.Lag > 0 {
		text += " (" + grouped(st.Lag) + " to go)"
	}
	if st.Role == "active" {
		text += fmt.Sprintf(", notified %s", st.Notified)
		if st.Behind > 0 {
			text += " (" + grouped(st.Behind) + " not notified)"
		}
	}
	if st.Aside > 0 {
		text += ", " + count(uint64(st.Aside), "update") + " set aside"
	}
	return text
}

// heard says how long ago something was, from milliseconds; -1 is never.
func heard(ms int64) string {
	if ms < 0 {
		return "never"
	}
	return ago(time.Duration(ms)*time.Millisecond) + " ago"
}

func peerRow(st Status) string {
	p := st.Peer
	if p.Host == "" {
		return "not heard of yet"
	}
	text := fmt.Sprintf("link %s, replication %s", orWord(p.Link, "silent"), orWord(p.Replication, "silent"))
	switch {
	case p.HeardMS < 0:
		text += ", never heard"
	default:
		text += ", heard " + heard(p.HeardMS)
	}
	if p.Role != "" {
		text += ", " + p.Role + " at " + p.Position.String()
	}
	if word := progressWord(p.Progress); word != "" && st.Role == "active" {
		text += ", " + word + p.CatchUp.suffix(", ")
	}
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}

// progressWord says a bus.Peer… value for people.
func progressWord(progress string) string {
	switch progress {
	case bus.PeerAbsent:
		return "not replicated to"
	case bus.PeerProbe:
		return "looking for the last common update"
	case bus.PeerCatchingUp:
		return "catching up"
	case bus.PeerCopying:
		return "taking a copy of the database"
	case bus.PeerClose:
		return "about to be in sync"
	case bus.PeerHeld:
		return "in sync"
	case bus.PeerRefused:
		return "can't join"
	}
	return progress
}

func witnessRow(w Witness) string {
	if w.None {
		return "none: the terminals are asked who serves"
	}
	text := orWord(w.Address, "none")
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

func processRow(name string, p Process) string {
	text := pad(name, 18) + pad(p.State, 11)
	if p.PID != 0 {
		text += pad("pid "+strconv.Itoa(p.PID), 13)
	} else {
		text += pad("", 13)
	}
	if p.HeardMS >= 0 && p.PID != 0 {
		text += pad("heard "+heard(p.HeardMS), 17)
	} else {
		text += pad("", 17)
	}
	if p.Restarts > 0 {
		text += count(uint64(p.Restarts), "restart")
		if p.Reason != "" {
			text += ", last: " + p.Reason
		}
	} else if p.Reason != "" {
		text += p.Reason
	}
	return text
}

func eventRow(e Event) string {
	text := e.Time.UTC().Format("15:04:05.000") + "  " + pad(e.Step, 4) + pad(e.Host, 4) + e.Text
	if e.Took > 0 {
		text += " (" + milliseconds(e.Took) + ")"
	}
	return text
}

// historyScreen shows a page of the update history, oldest first.
func historyScreen(s *screen, page bus.HistoryPage) {
	if len(page.Updates) == 0 {
		s.line("no updates here" + keptSuffix(page))
		return
	}
	s.line(pad("POSITION", 12) + pad("TIME (UTC)", 25) + pad("STATE", 14) + "UPDATE")
	for _, u := range page.Updates {
		updateLine(s, u)
	}
	first, last := page.Updates[0].Position.Sequence, page.Updates[len(page.Updates)-1].Position.Sequence
	s.line("")
	s.line("sequences " + grouped(first) + " to " + grouped(last) + keptSuffix(page))
}

func keptSuffix(page bus.HistoryPage) string {
	if page.Last == 0 {
		return ": the history is empty"
	}
	return "; kept are " + grouped(page.First) + " to " + grouped(page.Last)
}

func updateText(u bus.HistoryUpdate) string {
	if u.Kind == "began" {
		return "epoch " + strconv.FormatUint(u.Position.Epoch, 10) + " began on " + u.Host
	}
	text := u.Service
	if len(u.Keys) > 0 {
		text += " " + strings.Join(u.Keys, ", ")
	}
	if u.Request != "" {
		text += " (request " + u.Request + ")"
	}
	return strings.TrimSpace(text)
}

// switchoverScreen shows the steps of a switchover, with the time since the first.
func switchoverScreen(s *screen, done Switchover, failure error) {
	for _, e := range done.Steps {
		s.line(stepRow(e))
	}
	if failure == nil {
		s.headline(Good, fmt.Sprintf("%s serves, epoch %d: switched over from %s in %s", done.Active, done.Epoch, orWord(done.From, "nobody"), milliseconds(done.Took)))
	}
}

// isTerminal reports whether a writer shows colours: a terminal, and nobody has asked for none.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
