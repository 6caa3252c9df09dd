package operations

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/issuing"
	"github.com/hotpair/hotpair/services/lateness"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/operations/running"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/access"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

// callWithin bounds a call to a process of this host.
const callWithin = 5 * time.Second

// Machine is this host's role machine, which turns on a goroutine of its own.
type Machine interface {
	// View returns the state after the last step.
	View() role.View
	// Ask feeds the machine an input and waits for the outcome of the step.
	Ask(ctx context.Context, in role.Input) ([]role.Action, role.View, error)
	// During calls do with the machine between two steps, unless ctx has ended by then. It does not wait for the call.
	During(ctx context.Context, do func(*role.Machine))
}

// Main is the main process around the operations.
type Main interface {
	// Status returns the present state. It answers whatever else is down.
	Status(ctx context.Context) operator.Status
	// AllAlarms returns the alarms of the pair, of this host, and of the other one as far as it is heard.
	AllAlarms() []bus.Alarm
	// Tell makes an event and a line of the log.
	Tell(e bus.Event)
	// Announce sends the next heartbeat to the other main at once, so that it learns what is new.
	Announce()
}

// Processes are the processes of this host.
type Processes interface {
	// IsUp reports whether a process is ready.
	IsUp(name string) bool
	// Down returns the services that are not ready.
	Down() []string
	running.Services
}

// Keys is the list of keys that the witness admits.
type Keys interface {
	// Admit readmits the key of a host that was replaced. False: no host has such a key.
	Admit(host string) bool
}

// Record is the pair record.
type Record interface {
	// Read reads the record from the witness, as a takeover would.
	Read(ctx context.Context) (arbiter.Value, error)
	// Written returns how long ago this main changed the record; false if never.
	Written() (ago time.Duration, ever bool)
}

// Points are the measurements of this host.
type Points interface {
	Points(after time.Time) []operator.Point
}

// Lateness tells how late the other host was in the last day.
type Lateness interface {
	Day() lateness.Day
}

// Config is what Operations need.
type Config struct {
	Host   config.Host
	Times  role.Times // of the role machine, which follow from the settings
	Clock  lease.Clock
	Log    *slog.Logger
	Group  bus.Group // runs work that outlasts a call
	Calls  *bus.Poster
	Events *events.Memory
	Read   registry.Log // of the pair
	Alarms *alarms.Set
	Hooks  *alarms.Hooks
	Gate   *access.Gate // identifies callers
	Book   *access.Book // of operators

	Machine   Machine
	Main      Main
	Processes Processes
	Record    Record
	Keys      Keys // nil: there are none
	Points    Points
	Lateness  Lateness
	Schedule  *Schedule
	// Doubt returns why the wall clock is in doubt; nil if it never is.
	Doubt func() string
}

// Operations answers the calls of operators in main, with the state that only these calls need.
type Operations struct {
	Config
	ctx      context.Context // of work that outlasts a call
	Emitted  Emitted
	registry *registry.Registry

	waiters  waiters
	standing standing
	tables   tables
	drift    drift
	members  members
	backing  backing
}

// New makes the operations and registers their answers. ctx bounds work that outlasts a call.
func New(ctx context.Context, c Config, r *registry.Registry) *Operations {
	o := &Operations{Config: c, ctx: ctx, registry: r}
	o.members.issuing = issuing.New(issuing.Config{Files: c.Host.Authority, TLS: c.Host.TLS, Doubt: c.Doubt, Log: c.Log})
	o.answerViews(r)
	o.answerAlarms(r)
	o.answerSwitchover(r)
	o.answerSchedule(r)
	o.answerPause(r)
	o.answerPromote(r)
	o.answerExplain(r)
	o.answerDoctor(r)
	o.answerSettings(r)
	o.answerTerminals(r)
	running.Answer(running.Config{Host: c.Host.Host, Services: c.Processes, View: func() role.View { return c.Machine.View() }, Note: o.noteOutcome, Registry: r})
	o.answerMembers(r)
	o.answerVerify(r)
	o.answerLevels(r)
	o.answerBackups(r)
	o.answerOperators(r)
	return o
}

// Stepped takes the view after each step of the role machine, on its goroutine.
func (o *Operations) Stepped(v role.View) {
	o.waiters.wake(v)
	o.watchSchedule(v)
}

// say makes an event about what an operator's order does to the pair.
func (o *Operations) say(format string, v ...any) {
	e := bus.Event{Kind: bus.EventRole, Epoch: o.Machine.View().Epoch, Text: fmt.Sprintf(format, v...)}
	if o.Machine.View().Role == role.Active {
		e.Kind = bus.EventPair
	}
	o.Main.Tell(e)
}

// HeardTerminals makes events of the changes between two reports of terminal-if, on the host that serves; before may
// be nil.
func (o *Operations) HeardTerminals(before, now *bus.TerminalState) {
	if d := now.Directories; before != nil && d.Renewed > before.Directories.Renewed && o.Machine.View().Serving {
		o.say("the agent of terminal %s has a new data directory: it was reinstalled, or another machine replaced it", d.Last)
	}
}

// noteOutcome makes an event of the outcome of an operator's call.
func (o *Operations) noteOutcome(caller operator.Caller, what, text string) {
	o.Main.Tell(bus.Event{
		Kind: bus.EventOperator, Epoch: o.Machine.View().Known, Text: text,
		Details: actOf(caller, what, o.Host.Host),
	})
}

// Called returns the event about an operator's call: that it was requested, or, with a failure, that it did not happen.
func Called(c operator.Caller, what, host string, failure error) bus.Event {
	e := bus.Event{Kind: bus.EventOperator, Text: what + " requested by " + c.By(), Details: actOf(c, what, host)}
	switch {
	case failure != nil:
		e.Text = fmt.Sprintf("%s did not happen: %v", what, failure)
	case c.Reason != "":
		e.Text += ": " + c.Reason
	}
	return e
}

// actOf returns the details of an event about a call.
func actOf(c operator.Caller, what, host string) map[string]string {
	return events.Act{What: what, Call: c.ID, Name: c.Name, Role: string(c.Role), From: c.From, Via: cmp.Or(c.Via, host), Claim: c.Claim, Reason: c.Reason}.Details()
}
