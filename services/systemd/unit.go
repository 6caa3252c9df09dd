// Package systemd reports the state of a process to systemd, by sd_notify(3): that it is up, its status as one line,
// that its loop turns, that it reloads its files, that it ends.
//
//	unit := systemd.Open(os.Getenv, log) // nil where no systemd asked
//	defer unit.Close()
//	unit.Status("a is starting")
//	unit.Ready()
//
// Guarantee: no caller waits for systemd. Messages are noted, and one goroutine sends them; of the status only the
// latest is kept, and of everything else each message once. A send to a full or missing socket is repeated each
// second, since systemd may be restarting. It is not a library, because a message fits into a datagram, and the one
// call that all libraries offer waits until it is received.
//
// Outside Linux there is no systemd, and nothing is sent.
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

// The variables by which systemd tells a process its socket, and how often to report a sign of life. They are for
// this process alone.
const (
	socketVariable      = "NOTIFY_SOCKET"
	watchdogVariable    = "WATCHDOG_USEC"
	watchdogPIDVariable = "WATCHDOG_PID"
)

const (
	// again is the pause before a message that was not received is sent again.
	again = time.Second
	// longest bounds a status, in bytes: systemctl shows one line.
	longest = 512
	// closeWithin is how long the end of a process waits for its last message.
	closeWithin = 250 * time.Millisecond
)

// Unit reports this process to systemd. Its methods may be called from any goroutine, and never wait. A nil Unit does
// nothing.
type Unit struct {
	to       socket
	watchdog time.Duration // longest time between two signs of life; 0: not expected
	log      *slog.Logger
	wake     chan struct{}
	end      chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	pending pending
	said    said
	lived   time.Duration // when the last sign of life was requested
	reread  reread
	failed  bool // the last message could not be sent
}

// pending are the messages to send.
type pending struct {
	ready, stopping bool
	status          string
	reloads         int  // begun
	reloading       bool // the last reload is in progress
	since           time.Duration
	alive           bool
}

// said are the messages that systemd has received.
type said struct {
	ready, stopping bool
	status          string
	reloads         int
	reloading       bool // the end of the last reload was not reported yet
}

// Open returns the unit of which this process is the main process, nil if no systemd expects reports. getenv is
// os.Getenv. It removes the variables from the environment, so that no child takes them for its own.
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
		log.Warn("systemd gets no status of this process", "socket", name, "error", err)
		return nil
	}
	u := &Unit{to: to, log: log, wake: make(chan struct{}, 1), end: make(chan struct{}), done: make(chan struct{})}
	if n, err := strconv.ParseInt(usec, 10, 64); err == nil && n > 0 && n < int64(time.Duration(1<<62)/time.Microsecond) && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		u.watchdog = time.Duration(n) * time.Microsecond
	}
	go u.run()
	return u
}

// Ready says that the process works. One call is enough.
func (u *Unit) Ready() { u.note(func(p *pending) { p.ready = true }) }

// Status sets the status, one line.
func (u *Unit) Status(text string) {
	u.note(func(p *pending) { p.status = line(text + u.reread.after(lease.BootClock())) })
}

// Stopping says that the process ends, and what it does until then.
func (u *Unit) Stopping(text string) {
	text = line(text)
	u.note(func(p *pending) { p.stopping, p.status = true, text })
}

// Reloading says that the process reloads its files.
func (u *Unit) Reloading() {
	u.note(func(p *pending) {
		if !p.reloading {
			p.reloads, p.reloading, p.since = p.reloads+1, true, monotonic()
		}
	})
}

// Reloaded says that it has reloaded them, with the outcome, which every status contains for a minute.
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

// reread is the outcome of reloading files.
type reread struct {
	outcome string
	at      time.Time
	until   time.Duration // it is shown
}

// after returns the suffix of a status.
func (r reread) after(now time.Duration) string {
	if now >= r.until {
		return ""
	}
	return rereadAt + r.at.Format(time.TimeOnly) + ": " + r.outcome
}

// Alive is a sign of life. Its caller should prove that the process works: that its loop has turned. It is passed on
// as often as systemd expects it.
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

// signs of life are passed on within the time that systemd allows.
const signs = 4

// Close sends the remaining messages, if systemd receives them at once, and ends.
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

// run sends messages until Close.
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

// sayAll sends messages one after the other while they are received. False: some are left.
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
			u.log.Warn("could not report the status to systemd; trying again", "error", err)
		}
		if err != nil {
			return false
		}
	}
}

const signOfLife = "WATCHDOG=1"

// next returns the next datagram, and what systemd knows once it has received it; "" when nothing is left. It is
// pure. Beginnings and ends are sent one after the other: systemd reads a datagram as a set.
func next(p pending, s said) (text string, then said) {
	var parts []string
	then = s
	switch {
	case p.stopping && !s.stopping:
		parts, then.stopping = append(parts, "STOPPING=1"), true
	case s.stopping:
	case p.ready && !s.ready:
		// An earlier reload needs no report any more.
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

// line makes a text a status: one line, bounded, without control characters.
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
