// Package systemd tells systemd how a process does, in the words of sd_notify(3): that it is up, what it does in one line,
// that its own loop turns, that it reads its files again, that it ends.
//
//	unit := systemd.Open(os.Getenv, log) // nil where no systemd asked
//	defer unit.Close()
//	unit.Status("a is starting")
//	unit.Ready()
//
// What it guarantees: nobody waits for systemd. What is to be said is noted, and one goroutine says it; of the status only the latest is
// kept, and of everything else each thing once. A socket that nobody reads is tried again each second, and so is one that is gone: systemd
// may be starting anew. Why not a library: what is said fits into a datagram, and the one call that all of them offer waits until it is
// taken.
//
// Where there is no Linux there is no systemd, and nothing is said.
package systemd

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hotpair/hotpair/services/lease"
)

// The variables by which systemd tells a process where to tell it, and how often that it lives. They are of this process alone.
const (
	socketVariable      = "NOTIFY_SOCKET"
	watchdogVariable    = "WATCHDOG_USEC"
	watchdogPIDVariable = "WATCHDOG_PID"
)

const (
	// again is when what was not taken is said again.
	again = time.Second
	// longest bounds a status, in bytes: systemctl shows one line.
	longest = 512
	// closeWithin is how long the end of a process waits for its last word.
	closeWithin = 250 * time.Millisecond
)

// Unit is this process as systemd sees it. Its methods may be called from anywhere, and never wait. A nil Unit says nothing.
type Unit struct {
	to       socket
	watchdog time.Duration // between two signs of life at most; 0: nobody waits for one
	log      *slog.Logger
	wake     chan struct{}
	end      chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	pending pending
	said    said
	lived   time.Duration // when the last sign of life was asked for
	reread  reread
	failed  bool // the last thing could not be said
}

// pending is what there is to say.
type pending struct {
	ready, stopping bool
	status          string
	reloads         int  // begun
	reloading       bool // the last of them goes on
	since           time.Duration
	alive           bool
}

// said is what systemd has been told.
type said struct {
	ready, stopping bool
	status          string
	reloads         int
	reloading       bool // the end of the last reload has not been told
}

// Open gives the unit that this process is the main process of, nil when no systemd waits to be told. getenv is os.Getenv. What says so is
// taken out of the environment, so that nothing that is started from here takes it for its own.
func Open(getenv func(string) string, log *slog.Logger) *Unit {
	name, usec, pid := getenv(socketVariable), getenv(watchdogVariable), getenv(watchdogPIDVariable)
	for _, variable := range []string{socketVariable, watchdogVariable, watchdogPIDVariable} {
		_ = os.Unsetenv(variable) // it fails for malformed names only
	}
	if name == "" {
		return nil
	}
	to, err := dial(name)
	if err != nil {
		log.Warn("systemd is not told how this process does", "socket", name, "error", err)
		return nil
	}
	u := &Unit{to: to, log: log, wake: make(chan struct{}, 1), end: make(chan struct{}), done: make(chan struct{})}
	if n, err := strconv.ParseInt(usec, 10, 64); err == nil && n > 0 && n < int64(time.Duration(1<<62)/time.Microsecond) && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		u.watchdog = time.Duration(n) * time.Microsecond
	}
	go u.run()
	return u
}

// Ready says that the process does what it is for. Once is enough.
func (u *Unit) Ready() { u.note(func(p *pending) { p.ready = true }) }

// Status says in a line what the process does.
func (u *Unit) Status(text string) {
	u.note(func(p *pending) { p.status = line(text + u.reread.after(lease.BootClock())) })
}

// Stopping says that the process ends, and what it does until then.
func (u *Unit) Stopping(text string) {
	text = line(text)
	u.note(func(p *pending) { p.stopping, p.status = true, text })
}

// Reloading says that the process reads its files again.
func (u *Unit) Reloading() {
	u.note(func(p *pending) {
		if !p.reloading {
			p.reloads, p.reloading, p.since = p.reloads+1, true, monotonic()
		}
	})
}

// Reloaded says that it has, and what came of it, which every status has for a minute.
func (u *Unit) Reloaded(outcome string) {
	u.note(func(p *pending) {
		before, _, _ := strings.Cut(p.status, rereadAt)
		u.reread = reread{outcome: outcome, at: time.Now(), until: lease.BootClock() + rereadShown}
		p.reloading, p.status = false, line(before+u.reread.after(lease.BootClock()))
	})
}

const (
	rereadAt    = "; files read again at "
	rereadShown = time.Minute
)

// reread is what came of reading the files again.
type reread struct {
	outcome string
	at      time.Time
	until   time.Duration // it is shown
}

// after is the end of a status.
func (r reread) after(now time.Duration) string {
	if now >= r.until {
		return ""
	}
	return rereadAt + r.at.Format(time.TimeOnly) + ": " + r.outcome
}

// Alive is a sign of life. Whoever calls it should prove by that what the process is for: its own loop has turned. It is passed on as often
// as systemd wants it.
func (u *Unit) Alive() {
	if u == nil || u.watchdog == 0 {
		return
	}
	now := lease.BootClock()
	u.mu.Lock()
	due := u.lived == 0 || now-u.lived >= u.watchdog/signs
	if due {
		u.lived = now
	}
	u.mu.Unlock()
	if due {
		u.note(func(p *pending) { p.alive = true })
	}
}

// signs of life are passed on in the time in which systemd waits for one.
const signs = 4

// Close says what is left to say, if that is taken at once, and ends.
func (u *Unit) Close() {
	if u == nil {
		return
	}
	close(u.end)
	<-u.done
}

func (u *Unit) note(change func(*pending)) {
	if u == nil {
		return
	}
	u.mu.Lock()
	change(&u.pending)
	u.mu.Unlock()
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// run says what there is to say until Close.
func (u *Unit) run() {
	defer close(u.done)
	defer u.to.close()
	retry := time.NewTimer(0)
	retry.Stop()
	defer retry.Stop()
	var until <-chan time.Time
	end := u.end
	for {
		all := u.sayAll()
		switch {
		case all && end == nil:
			return
		case !all && end == nil:
			retry.Reset(closeWithin / 10)
		case !all:
			retry.Reset(again)
		}
		select {
		case <-u.wake:
		case <-retry.C:
		case <-end:
			end, until = nil, time.After(closeWithin)
		case <-until:
			return
		}
	}
}

// sayAll says one thing after the other while they are taken. False: something is left.
func (u *Unit) sayAll() bool {
	for {
		u.mu.Lock()
		text, then := next(u.pending, u.said)
		u.mu.Unlock()
		if text == "" {
			return true
		}
		err := u.to.send(text)
		u.mu.Lock()
		first := err != nil && !u.failed
		if u.failed = err != nil; err == nil {
			u.said = then
			if strings.Contains(text, signOfLife) {
				u.pending.alive = false
			}
		}
		u.mu.Unlock()
		if first && !errors.Is(err, errFull) {
			u.log.Warn("systemd can't be told how this process does; it is tried again", "error", err)
		}
		if err != nil {
			return false
		}
	}
}

const signOfLife = "WATCHDOG=1"

// next is the next datagram, and what is said when it has been taken; "" when all is said. It is pure. What begins and ends is told one
// after the other: systemd reads a datagram as a set.
func next(p pending, s said) (text string, then said) {
	var parts []string
	then = s
	switch {
	case p.stopping && !s.stopping:
		parts, then.stopping = append(parts, "STOPPING=1"), true
	case s.stopping:
	case p.ready && !s.ready:
		// Nobody waits to be told of what was read again before.
		parts, then.ready, then.reloads = append(parts, "READY=1"), true, p.reloads
	case s.ready && p.reloads > s.reloads && !s.reloading:
		parts, then.reloads, then.reloading = append(parts, "RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", p.since.Microseconds())), p.reloads, true
	case s.reloading && (!p.reloading || p.reloads > s.reloads):
		parts, then.reloading = append(parts, "READY=1"), false
	}
	if p.status != s.status {
		parts, then.status = append(parts, "STATUS="+p.status), p.status
	}
	if p.alive {
		parts = append(parts, signOfLife)
	}
	return strings.Join(parts, "\n"), then
}

// line is a text as a status has it: one line, bounded, nothing that a terminal obeys.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest-len("…")], "") + "…"
	}
	return strings.TrimSpace(text)
}
