package trail

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// begin starts a trail that ends with the test.
func begin(t *testing.T, to string) *Trail {
	t.Helper()
	trail := New(Config{To: to, Host: "a", Incarnation: 7, Log: slog.New(slog.DiscardHandler)})
	trail.Start()
	t.Cleanup(trail.Close)
	return trail
}

// event is one of a kind, with a text.
func event(text string) bus.Event {
	return bus.Event{Time: time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC), Host: "a", Kind: bus.EventOperator, Text: text}
}

// lines reads the entries of a file, each of which must be a whole one.
func lines(t *testing.T, path string) (all []bus.Event) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		all = append(all, entry(t, line))
	}
	return all
}

func entry(t *testing.T, line string) (e bus.Event) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasSuffix(line, "\n") {
		t.Fatalf("%q: %v", line, err)
	}
	return e
}

// written awaits that so many entries are.
func written(t *testing.T, trail *Trail, n uint64) {
	t.Helper()
	processtest.Await(t, fmt.Sprint(n, " entries"), func() bool { return trail.State().Written >= n })
}

// TestTrail_HasWhatTheMemoryTells: each event once, in order, with all that it says, and none that was held back.
func TestTrail_HasWhatTheMemoryTells(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	trail := New(Config{To: path, Host: "a", Incarnation: 7, Log: slog.New(slog.DiscardHandler)})
	trail.Start()
	m := events.NewMemory("a", 7, trail)
	act := events.Act{What: "switchover", Name: "bob", Role: "operate", From: "10.0.0.9:4711", Via: "a", Reason: "maintenance <1>"}
	m.Note(bus.Event{Kind: bus.EventOperator, Text: "switchover requested by bob: maintenance <1>", Details: act.Details()})
	for range 20 {
		m.Note(bus.Event{Kind: bus.EventRole, Text: "again"})
	}
	m.Note(bus.Event{Kind: bus.EventAlarm, Text: "x", State: bus.AlarmRaised, Alarm: &bus.Alarm{ID: "no-witness", Text: "none"}})
	trail.Close()
	all := lines(t, path)
	if len(all) != 7 {
		t.Fatalf("%d entries: %+v", len(all), all)
	}
	first := all[0]
	if first.Details[events.DetailName] != "bob" || first.Details[events.DetailReason] != "maintenance <1>" || first.Incarnation != 7 || first.Number != 1 || first.Time.IsZero() {
		t.Errorf("%+v", first)
	}
	if last := all[6]; last.Alarm == nil || last.Alarm.ID != "no-witness" || last.Number != 7 {
		t.Errorf("%+v", last)
	}
	if text, _ := os.ReadFile(path); !strings.Contains(string(text), "maintenance <1>") {
		t.Error("people can't read what was said")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o027 != 0 {
		t.Errorf("%v, %v: others read who operates the pair", info.Mode(), err)
	}
}

// TestTrail_HasEveryActOfOperators: the log of the pair tells once for many what is done without end, so who does much could hide something
// in it. Here it stands by itself.
func TestTrail_HasEveryActOfOperators(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	trail := begin(t, path)
	m := events.NewMemory("a", 7, trail)
	for n := range 1000 {
		m.Note(bus.Event{Kind: bus.EventOperator, Text: fmt.Sprint("pause requested by bob, number ", n)})
	}
	m.Note(bus.Event{Kind: bus.EventOperator, Text: "backup requested by bob"})
	trail.Close()
	all := lines(t, path)
	if len(all) != 1001 || all[1000].Text != "backup requested by bob" {
		t.Errorf("%d entries", len(all))
	}
}

// TestTrail_NothingInALineIsForATerminal: whoever looks at it with cat sees what was said, and nothing that was meant for the screen.
func TestTrail_NothingInALineIsForATerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	trail := begin(t, path)
	e := event("one\ntwo\x1b]0;x\a\u009b31m \u202eevil\u2066 \xff end")
	e.Details = map[string]string{"reason": "\u009b2J\r"}
	e.Alarm = &bus.Alarm{Text: "\u202e", Remedy: "\x7f"}
	trail.Write(e)
	trail.Refused(Refusal{What: strings.Repeat("\u009b", 5000), Name: "\x1bc", From: strings.Repeat("9", 5000), Why: strings.Repeat("\u202e", 5000)})
	trail.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n != 2 || len(text) > 8000 {
		t.Errorf("%d lines, %d bytes", n, len(text))
	}
	for _, bad := range []string{"\x1b", "\u009b", "\u202e", "\u2066", "\x7f", `\u001b`, `\n`, "\xff"} {
		if strings.Contains(string(text), bad) {
			t.Errorf("it has %q:\n%q", bad, text)
		}
	}
}

// TestTrail_GoesOnInANewFile: logrotate renames it, or somebody removes it; no entry is lost, none is in both.
func TestTrail_GoesOnInANewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	trail := begin(t, path)
	trail.Write(event("one"))
	written(t, trail, 1)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	trail.Write(event("two"))
	written(t, trail, 2)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	trail.Write(event("three"))
	written(t, trail, 3)
	old, now := lines(t, path+".1"), lines(t, path)
	if len(old) != 1 || old[0].Text != "one" || len(now) != 1 || now[0].Text != "three" {
		t.Errorf("%+v, then %+v", old, now)
	}
	// Emptied in place, as copytruncate does.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	trail.Write(event("four"))
	written(t, trail, 4)
	if now := lines(t, path); len(now) != 1 || now[0].Text != "four" {
		t.Errorf("%+v", now)
	}
}

// TestTrail_EndsALineThatWasCutOff: a main that was killed in the middle of one costs that one.
func TestTrail_EndsALineThatWasCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	if err := os.WriteFile(path, []byte(`{"time":"20`), 0o600); err != nil {
		t.Fatal(err)
	}
	trail := begin(t, path)
	trail.Write(event("one"))
	trail.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half, whole, _ := strings.Cut(string(text), "\n")
	if half != `{"time":"20` || entry(t, whole).Text != "one" {
		t.Errorf("%q", text)
	}
}

// TestTrail_APipeThatNobodyReads: who tells never waits, what there is no room for is lost and counted where it is missing, and what
// waited comes when somebody reads.
func TestTrail_APipeThatNobodyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	trail := begin(t, path)
	const all = 3 * mostEntries
	for n := range all {
		trail.Write(event(fmt.Sprint("entry ", n)))
	}
	processtest.Await(t, "the pipe is a problem", func() bool { return trail.State().Problem != "" })
	if s := trail.State(); s.Lost != all-mostEntries || s.Waiting != mostEntries+1 || s.LostAt.IsZero() || s.Since.IsZero() || s.Written != 0 {
		t.Errorf("%+v", s)
	}
	// A reader that opens it and reads nothing is no better, once the kernel has no room.
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	processtest.Await(t, "the pipe is full", func() bool { s := trail.State(); return s.Written > 10 && s.Problem != "" })
	from := bufio.NewReader(reader)
	for n := range mostEntries {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if e := entry(t, line); e.Text != fmt.Sprint("entry ", n) {
			t.Fatalf("number %d is %q", n, e.Text)
		}
	}
	line, err := from.ReadString('\n')
	if e := entry(t, line); err != nil || e.Kind != KindTrail || e.Details["lost"] != fmt.Sprint(all-mostEntries) || !strings.Contains(e.Text, "missing here") {
		t.Errorf("%v: %+v", err, e)
	}
	trail.Write(event("after"))
	line, err = from.ReadString('\n')
	if e := entry(t, line); err != nil || e.Text != "after" {
		t.Errorf("%v: %+v", err, e)
	}
	processtest.Await(t, "no problem is left", func() bool { s := trail.State(); return s.Problem == "" && s.Waiting == 0 })
}

// TestTrail_AFullDisk: entries wait, and are written once there is room; bytes are bounded too.
func TestTrail_AFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	trail := begin(t, path)
	long := strings.Repeat("x", 1900)
	for range mostEntries {
		trail.Write(event(long))
	}
	processtest.Await(t, "it is full", func() bool { return strings.Contains(trail.State().Problem, "no space") })
	s := trail.State()
	if s.Lost == 0 || s.Waiting > mostBytes/len(long) {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	written(t, trail, uint64(s.Waiting))
	if all := lines(t, path); len(all) != s.Waiting || all[len(all)-1].Kind != KindTrail {
		t.Errorf("%d entries, %d waited", len(all), s.Waiting)
	}
}

// TestTrail_EndsInTime: a pipe that nobody reads does not hold up the end of main.
func TestTrail_EndsInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	trail := begin(t, path)
	trail.Write(event("one"))
	ended := make(chan struct{})
	go func() { defer close(ended); trail.Close() }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
	trail.Close() // again
	New(Config{To: path}).Close()
}

// TestTrail_WhoIsRefusedFillsNothing: a flood of refusals, from ports and addresses without end, is some lines; who is refused something else
// is told still; and the events of the pair are not kept back by any of it.
func TestTrail_WhoIsRefusedFillsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := New(Config{To: "/nowhere", Host: "a", Incarnation: 7}) // not started: what waits is looked at
		for n := range 50_000 {
			trail.Refused(Refusal{What: "switchover", From: fmt.Sprintf("10.0.0.9:%d", n), Why: "no token"})
			if n == 100 {
				trail.Refused(Refusal{What: "switchover", Name: "bob", Role: "view", From: "10.0.0.8:1", Why: "the role"})
			}
		}
		waits := func() int { return len(trail.waiting) }
		if n := waits(); n != 6 {
			t.Errorf("%d entries of one who is refused, and of another", n)
		}
		if e := trail.waiting[5].event; e.Details[events.DetailName] != "bob" || !strings.Contains(e.Text, "refused for bob from 10.0.0.8: the role") {
			t.Errorf("%+v", e)
		}
		for n := range 50_000 {
			trail.Refused(Refusal{What: "status", From: fmt.Sprintf("[2001:db8::%x]:9", n), Why: "no token"})
		}
		few := waits()
		if few > 600 {
			t.Errorf("%d entries of many who are refused", few)
		}
		trail.Refused(Refusal{What: "promote", Name: "bob", Role: "operate", From: "10.0.0.8:2", Why: "the role"})
		if e := trail.waiting[waits()-1].event; !strings.HasPrefix(e.Text, "promote refused for bob") {
			t.Errorf("what an operator tried is hidden by strangers: %+v", e)
		}
		few = waits()
		trail.Write(event("an act"))
		if e := trail.waiting[waits()-1].event; e.Text != "an act" {
			t.Errorf("%+v", e)
		}
		time.Sleep(2 * time.Hour) // of the bubble
		trail.next()
		var told int
		for _, i := range trail.waiting[few+1:] {
			if strings.Contains(i.event.Text, "times since") || strings.Contains(i.event.Text, "more events of kind refused") {
				told++
			}
		}
		if told < 2 || told > 10 {
			t.Errorf("%d entries stand for those that were held back: %+v", told, trail.waiting[few+1:])
		}
	})
}

// syslogd listens as a syslog does, and gives what comes.
func syslogd(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func datagram(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 64<<10)
	n, err := conn.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(text[:n])
}

// TestTrail_Syslog: as the C library's syslog would write it, also to one that was started anew or is not there for a while.
func TestTrail_Syslog(t *testing.T) {
	dir, err := os.MkdirTemp("", "hotpair-log") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "log")
	trail := begin(t, config.Syslog+":"+path)
	trail.Write(event("one"))
	processtest.Await(t, "nobody listens", func() bool { return trail.State().Problem != "" })
	conn := syslogd(t, path)
	read := func(severity int, text string) {
		t.Helper()
		got := datagram(t, conn)
		head, line, found := strings.Cut(got, ": ")
		var stamp string
		if len(head) > 5+len(time.Stamp) {
			stamp = head[4 : 4+len(time.Stamp)]
		}
		if _, err := time.Parse(time.Stamp, stamp); err != nil || !found || !strings.HasPrefix(head, fmt.Sprintf("<%d>", facility|severity)) || !strings.HasSuffix(head, fmt.Sprintf(" hotpair[%d]", os.Getpid())) {
			t.Errorf("%q: %v", got, err)
		}
		if e := entry(t, line+"\n"); !strings.Contains(e.Text, text) {
			t.Errorf("%q, want %q", e.Text, text)
		}
	}
	read(notice, "one")
	if err := errors.Join(conn.Close(), os.RemoveAll(path)); err != nil {
		t.Fatal(err)
	}
	conn = syslogd(t, path)
	trail.Refused(Refusal{What: "switchover", From: "10.0.0.9:1", Why: "no token"})
	read(warning, "switchover refused")
	written(t, trail, 2)
	// More than it takes is lost, and keeps nothing back.
	e := event("long")
	e.Details = map[string]string{"x": strings.Repeat("x", 2<<20)}
	trail.Write(e)
	trail.Write(event("three"))
	read(notice, "three")
	if s := trail.State(); s.Lost != 1 {
		t.Errorf("%+v", s)
	}
}

// TestCheck_SaysWhatCanNeverBe, and nothing of what may be well a moment later.
func TestCheck_SaysWhatCanNeverBe(t *testing.T) {
	dir := t.TempDir()
	file, pipe, full := filepath.Join(dir, "file"), filepath.Join(dir, "pipe"), filepath.Join(dir, "full")
	err := errors.Join(os.WriteFile(file, []byte("x\n"), 0o600), syscall.Mkfifo(pipe, 0o600), os.Symlink("/dev/full", full))
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		"": "", config.Syslog: "", config.Syslog + ":/nowhere": "", file: "", filepath.Join(dir, "new"): "", pipe: "", full: "",
		dir:                        "write a file in it, as " + dir + "/audit.jsonl",
		dir + "/nowhere/x":         "make its directory first",
		file + "/x":                "make its directory first",
		"/proc/x":                  "make its directory first",
		dir + "/" + long(300, "x"): "choose a shorter one",
	} {
		err := Check(to)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "HOTPAIR_AUDIT_TRAIL")) {
			t.Errorf("%s: %v, want %q", to, err, want)
		}
	}
	if text, _ := os.ReadFile(file); string(text) != "x\n" {
		t.Errorf("the file has %q now", text)
	}
}

func long(n int, of string) string { return strings.Repeat(of, n) }

// TestTrail_None: without a setting nothing is kept and nothing runs.
func TestTrail_None(t *testing.T) {
	for _, trail := range []*Trail{nil, New(Config{})} {
		trail.Start()
		trail.Write(event("x"))
		trail.Refused(Refusal{What: "x"})
		if trail.State() != nil {
			t.Error("it has a state")
		}
		trail.Close()
	}
}
