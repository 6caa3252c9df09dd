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
	// View is its state after its last step.
	View() role.View
	// Ask gives it an input and waits for what the step made of it.
	Ask(ctx context.Context, in role.Input) ([]role.Action, role.View, error)
	// During has do look at it between two steps, unless ctx has ended by then. It does not wait for that.
	During(ctx context.Context, do func(*role.Machine))
}

// Main is the main around it.
type Main interface {
	// Status gives the present state. It answers whatever else is down.
	Status(ctx context.Context) operator.Status
	// AllAlarms are those of the pair, of this host, and of the other one as far as it is heard.
	AllAlarms() []bus.Alarm
	// Tell makes an event and a line of the log.
	Tell(e bus.Event)
	// Announce has the next heartbeat to the other main sent at once: it says what is new.
	Announce()
}

// Processes are those of this host.
type Processes interface {
	// IsUp reports whether a process can do its work.
	IsUp(name string) bool
	// Down are the services that are not ready.
	Down() []string
	running.Services
}

// Keys are those that the witness lets in.
type Keys interface {
	// Admit has a host's key let in that was replaced once. False: no host has such a key.
	Admit(host string) bool
}

// Record is the pair record.
type Record interface {
	// Read asks who keeps it, as a takeover would.
	Read(ctx context.Context) (arbiter.Value, error)
	// Written is how long ago this main changed it; false is never.
	Written() (ago time.Duration, ever bool)
}

// Points are what this host measured of itself.
type Points interface {
	Points(after time.Time) []operator.Point
}

// Lateness is how late the other host was in the last day.
type Lateness interface {
	Day() lateness.Day
}

// Config is what Operations need.
type Config struct {
	Host   config.Host
	Times  role.Times // of the role machine, which follow from the settings
	Clock  lease.Clock
	Log    *slog.Logger
	Group  bus.Group // of what goes on after a call
	Calls  *bus.Poster
	Events *events.Memory
	Read   registry.Log // of the pair
	Alarms *alarms.Set
	Hooks  *alarms.Hooks
	Gate   *access.Gate // says who asks
	Book   *access.Book // of operators

	Machine   Machine
	Main      Main
	Processes Processes
	Record    Record
	Keys      Keys // nil: there are none
	Points    Points
	Lateness  Lateness
	Schedule  *Schedule
	// Doubt says why the wall clock is in doubt; nil is never.
	Doubt func() string
}

// Operations are what operators can ask a main for, with the state that belongs to that alone.
type Operations struct {
	Config
	ctx      context.Context // of what goes on after a call
	Emitted  Emitted
	registry *registry.Registry

	waiters  waiters
	standing standing
	tables   tables
	drift    drift
	members  members
	backing  backing
}

// New makes what a registry answers with. ctx is for what goes on after a call.
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

// Stepped is told of each step of the role machine, on its goroutine.
func (o *Operations) Stepped(v role.View) {
	o.waiters.wake(v)
	o.watchSchedule(v)
}

// say makes an event of what happens to the pair by an operator's order.
func (o *Operations) say(format string, v ...any) {
	e := bus.Event{Kind: bus.EventRole, Epoch: o.Machine.View().Epoch, Text: fmt.Sprintf(format, v...)}
	if o.Machine.View().Role == role.Active {
		e.Kind = bus.EventPair
	}
	o.Main.Tell(e)
}

// HeardTerminals makes events of what terminal-if has come to know since it spoke last, on the host that serves; before may be nil.
func (o *Operations) HeardTerminals(before, now *bus.TerminalState) {
	if d := now.Directories; before != nil && d.Renewed > before.Directories.Renewed && o.Machine.View().Serving {
		o.say("the agent of terminal %s has another directory than before: it was set up anew, or another machine took its place", d.Last)
	}
}

// noteOutcome makes an event of what came of an operator's call.
func (o *Operations) noteOutcome(caller operator.Caller, what, text string) {
	o.Main.Tell(bus.Event{
		Kind: bus.EventOperator, Epoch: o.Machine.View().Known, Text: text,
		Details: actOf(caller, what, o.Host.Host),
	})
}

// Called is the event of a call of which a host tells: that it came, or, with the reason, that it did not come about.
func Called(c operator.Caller, what, host string, failure error) bus.Event {
	e := bus.Event{Kind: bus.EventOperator, Text: what + " wanted by " + c.By(), Details: actOf(c, what, host)}
	switch {
	case failure != nil:
		e.Text = fmt.Sprintf("%s did not happen: %v", what, failure)
	case c.Reason != "":
		e.Text += ": " + c.Reason
	}
	return e
}

// actOf gives the details of an event of a call.
func actOf(c operator.Caller, what, host string) map[string]string {
	return events.Act{What: what, Call: c.ID, Name: c.Name, Role: string(c.Role), From: c.From, Via: cmp.Or(c.Via, host), Claim: c.Claim, Reason: c.Reason}.Details()
}
