package mainprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/operations"
	"github.com/hotpair/hotpair/services/refusals"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/strictjson"
)

// peer is the other main: what it says on the link goes to the role machine, and this main says what it is itself.
type peer struct {
	config      config.Host
	incarnation uint64
	log         *slog.Logger
	driver      *driver
	link        *link.Link
	heard       *heard
	reports     *reports
	services    services
	schedule    operations.Schedule
	clock       lease.Clock
	wall        func() time.Time
	orders      *bus.Poster
	clocks      clocks.Watch
	refused     *refusals.Counter

	giving sync.Mutex
	seen   atomic.Int64 // evidence.State of its link port
	alarms atomic.Pointer[[]bus.Alarm]
	// unproved counts calls that nobody vouched for; toldUnproved is when that was last told, in Unix nanoseconds.
	unproved     atomic.Uint64
	toldUnproved atomic.Int64
	says         atomic.Pointer[saying] // in its last beat, for operators
	http         atomic.Pointer[string] // its operator address, as it says
	own          atomic.Pointer[string] // this main's
}

// services are those of this host.
type services interface {
	// Down are those that are not ready.
	Down() []string
}

// saying is what the other main says for operators.
type saying struct {
	down   []string // services that are not ready there
	unable string   // why it could not take over
}

// said is what the other main said last; nothing before it was heard.
func (p *peer) said() saying {
	if s := p.says.Load(); s != nil {
		return *s
	}
	return saying{}
}

// Lacks implements processes.Elsewhere.
func (p *peer) Lacks(service string) bool { return slices.Contains(p.said().down, service) }

// Peer implements registry.Main.
func (p *peer) Peer() (bus.Asker, string) { return p.link.Bulk(), p.address() }

// Runs implements registry.Main.
func (p *peer) Runs() (own, other uint64) { return p.incarnation, p.driver.View().Peer.Incarnation }

// unprovedEvery is how often it is told that calls came that nobody vouched for: who sends them decides how many there are.
const unprovedEvery = time.Minute

// Unproved implements registry.Main.
func (p *peer) Unproved(call, host string) {
	n := p.unproved.Add(1)
	last, now := p.toldUnproved.Load(), time.Now().UnixNano()
	if now-last < int64(unprovedEvery) && last != 0 || !p.toldUnproved.CompareAndSwap(last, now) {
		return
	}
	text := fmt.Sprintf("refused %q over the link, as from %q: nothing proves that an operator asked (%d such calls so far)", call, host, n)
	p.reports.tell(bus.Event{Kind: bus.EventOperator, Epoch: p.driver.View().Known, Text: text, Details: map[string]string{events.DetailWhat: call}}, false)
}

// Standby implements registry.Main.
func (p *peer) Standby() (standby, activeElsewhere bool) {
	v := p.driver.View()
	standby = v.Role == role.Standby
	return standby, standby && v.Lives && v.Peer.Epoch != 0
}

// Missing implements registry.Main.
func (p *peer) Missing() string {
	v := p.driver.View()
	text := p.config.Host + " is standby"
	if active := v.Record.Active.Host; active != "" && active != p.config.Host {
		text += fmt.Sprintf(" and does not hear %s, which served last in epoch %d", active, v.Record.Epoch)
	}
	if v.Waiting != "" {
		text += ": " + v.Waiting
	}
	return text + "; try again when a host serves (hotpair explain says what comes next), or ask the one that does"
}

// address is where the other main answers operators; empty while it is not known.
func (p *peer) address() string {
	if a := p.http.Load(); a != nil {
		return link.Reachable(*a, p.config.PeerLink)
	}
	return ""
}

// ownHTTP is where this main answers operators; empty until it does.
func (p *peer) ownHTTP() string {
	if a := p.own.Load(); a != nil {
		return *a
	}
	return ""
}

// giveEvidence joins what main sees of the link port and what the updater sees of the replication port.
func (p *peer) giveEvidence() {
	p.giving.Lock() // what is found is told before anybody looks again: the machine hears the last word last
	defer p.giving.Unlock()
	e := role.PeerEvidence{Link: evidence.State(p.seen.Load())}
	if s := p.heard.updater.Load(); s != nil {
		e.Replication = s.Connection
	}
	p.driver.Give(e)
}

// Beat implements link.Main.
func (p *peer) Beat() bus.Beat { return p.beat(p.driver.View()) }

// LinkSeen implements link.Main.
func (p *peer) LinkSeen(e evidence.State) {
	p.seen.Store(int64(e))
	p.giveEvidence()
	p.driver.inputs <- envelope{do: p.link.Now} // on a new connection at once, if the machine turns
}

// Beaten answers a beat of the other main with what the machine makes of it in that very step.
func (p *peer) Beaten(b bus.Beat, answer func(bus.BeatReply, error)) {
	if err := p.refuses(b); err != nil {
		p.refused.Count(refusals.LinkHello)
		answer(bus.BeatReply{Beat: bus.Beat{Levels: level.Own(), Level: p.heard.level(), Host: p.config.Host}}, err)
		return
	}
	p.http.Store(&b.HTTP)
	if lost := p.schedule.Heard(b.Host, b.Incarnation, b.Scheduled, b.ScheduledBy); lost != nil {
		text := fmt.Sprintf("the switchover scheduled for %s by %s was lost when main of %s ended", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
		p.reports.report(role.Report{Epoch: p.driver.View().Epoch, Text: text})
	}
	p.alarms.Store(&b.Alarms)
	p.says.Store(&saying{down: b.Down, unable: b.Unable})
	p.driver.inputs <- envelope{in: role.PeerBeat{Peer: p.view(b)}, after: func(actions []role.Action, v role.View) {
		reply := bus.BeatReply{Beat: p.beat(v)}
		for _, a := range actions {
			if a, ok := a.(role.AnswerBeat); ok {
				reply.Grant = a.Grant
			}
		}
		answer(reply, nil)
	}}
}

// refuses a hello of another pair or witness, or of a program with no level in common: no lease, no add.
func (p *peer) refuses(b bus.Beat) error {
	v := p.driver.View()
	_, err := level.Meet(level.Party{Name: p.config.Host, Range: level.Own(), At: p.heard.level()}, level.Party{Name: b.Host, Range: b.Levels, At: b.Level})
	switch {
	case err != nil:
		return err
	case b.Host == p.config.Host && b.Incarnation == p.incarnation:
		return fmt.Errorf("%w: HOTPAIR_PEER_LINK (%s) leads to this host itself: write the address of the other one", errHello, p.config.PeerLink)
	case b.Host == p.config.Host:
		return fmt.Errorf("%w: both hosts are named %s: give one of them another HOTPAIR_HOST", errHello, b.Host)
	case b.Witnessless != p.config.Witnessless():
		return fmt.Errorf("%w: of %s and %s one has HOTPAIR_WITNESS=none and the other one a witness: set both alike", errHello, b.Host, p.config.Host)
	case b.PairID != "" && v.PairID != "" && b.PairID != v.PairID:
		return fmt.Errorf("%w: %s belongs to pair %s, %s to pair %s", errHello, b.Host, b.PairID, p.config.Host, v.PairID)
	case b.WitnessID != "" && v.WitnessID != "" && b.WitnessID != v.WitnessID:
		return fmt.Errorf("%w: %s uses witness %s, %s uses %s: HOTPAIR_WITNESS must name the same one", errHello, b.Host, b.WitnessID, p.config.Host, v.WitnessID)
	}
	return nil
}

// BeatAnswered implements link.Main.
func (p *peer) BeatAnswered(sentAt time.Duration, r bus.BeatReply, refusal error) {
	if r.Wall != 0 && p.clocks.Add(clocks.Compare(sentAt, clocks.Reading{Boot: p.clock(), Wall: p.wall().UnixNano()}, r.Wall)) {
		p.tellClocks() // before the machine learns of the answer: it may have the first term prepared
	}
	p.driver.Give(role.BeatAnswered{SentAt: sentAt, Grant: r.Grant && refusal == nil, Peer: p.view(r.Beat), Refusal: failure(refusal)})
}

// Apart implements wires.Clocks.
func (p *peer) Apart() clocks.Difference { return p.clocks.Last(p.clock()) }

// tellClocks tells the updater how far the wall clocks of both hosts are apart, if that is known.
func (p *peer) tellClocks() {
	if d := p.Apart(); d != (clocks.Difference{}) {
		bus.CallClocks.Post(p.orders, d, orderDeadline, func(bus.Done, error) {}) // it is told again each minute
	}
}

// errHello says that a hello is of no host that this one makes a pair with.
var errHello = errors.New("refused")

// Sender is this main, as it says on the link.
func (p *peer) Sender() bus.LinkSender {
	return bus.LinkSender{Levels: level.Own(), Host: p.config.Host, Identity: p.driver.View().Self.Identity}
}

// errCantTake says that this host can't take what is handed over.
var errCantTake = errors.New("it can't take over")

// hear answers what the other main says beside beats; events go to takeEvents.
func (p *peer) hear(takeEvents func(bus.HandEvents, func(bus.RecordedEvents, error))) {
	member := func(s bus.LinkSender) role.Member { return role.Member{Host: s.Host, Identity: s.Identity} }
	link.Hear(p.link, bus.CallMakeReady, func(q bus.MakeReady, answer func(bus.Done, error)) {
		p.log.Info("the other host is about to hand over", "cause", q.Cause, "step", role.B3)
		answer(bus.Done{}, nil)
	})
	link.Hear(p.link, bus.CallHandOver, func(q bus.HandOver, answer func(bus.Done, error)) {
		in := role.HandOver{From: member(q.LinkSender), Epoch: q.Epoch, Revision: q.Revision, Position: q.Position, Drained: q.Drained, Cause: q.Cause}
		p.driver.inputs <- envelope{in: in, after: func(_ []role.Action, v role.View) {
			var err error
			if v.Role != role.Takeover {
				err = fmt.Errorf("%w: it is %s, %s", errCantTake, v.Role, v.Waiting)
			}
			answer(bus.Done{}, err)
		}}
	})
	link.Hear(p.link, bus.CallCantTake, func(q bus.CantTake, answer func(bus.Done, error)) {
		p.driver.Give(role.HandOverRefused{Reason: q.Cause})
		answer(bus.Done{}, nil)
	})
	link.Hear(p.link, bus.CallResign, func(q bus.Resigned, answer func(bus.Done, error)) {
		p.driver.Give(role.Resigned{From: member(q.LinkSender)})
		answer(bus.Done{}, nil)
	})
	link.Hear(p.link, bus.CallHandEvents, takeEvents)
}

// beat is what this main says of itself in each beat and reply.
func (p *peer) beat(v role.View) bus.Beat {
	b := bus.Beat{
		Levels: level.Own(), Level: p.heard.level(), Host: p.config.Host, Identity: v.Self.Identity, Incarnation: p.incarnation, Steps: v.Steps,
		PairID: v.PairID, WitnessID: v.WitnessID, Role: string(v.Role), Epoch: v.Epoch, Known: v.Known, Seen: v.Seen, Pending: v.Pending, Reads: v.Reads,
		Empty: p.heard.empty.Load() && !v.HasRecord, Fresh: v.Fresh, Unserved: v.Unserved, Fit: v.Fit.Fit, Unfit: v.Fit.Why, Stopping: v.Stopping,
		Resigned: v.Resigned, Serving: v.Serving, Lease: p.config.Lease, HTTP: p.ownHTTP(),
		Wall: p.wall().UnixNano(), Witnessless: p.config.Witnessless(),
	}
	b.Scheduled, b.ScheduledBy = p.schedule.At()
	if v.HasRecord {
		// The record is ours: a struct that always encodes.
		b.Record, _ = json.Marshal(v.Record)
		b.Revision = v.Revision
	}
	b.Alarms, b.Down = p.reports.alarms.Own(), p.services.Down()
	if v.Role == role.Standby {
		b.Unable = v.Waiting
	}
	if s := p.heard.updater.Load(); s != nil {
		b.Committed, b.Position = s.Committed, s.Position
	}
	if s := p.heard.terminals.Load(); s != nil {
		b.Terminals = s.Attached + s.Warm
	}
	return b
}

// view is what the machine is told of the other main. It is not fit to be handed over to while a service is down there that works
// here; one that is down on both hosts is an outage of that service, and keeps nothing from moving.
func (p *peer) view(b bus.Beat) role.PeerView {
	v := peerView(b)
	if !v.Fit || len(b.Down) == 0 {
		return v
	}
	down := p.services.Down()
	for _, service := range b.Down {
		if !slices.Contains(down, service) {
			v.Fit, v.Unfit = false, "service "+service+" is not ready there"
		}
	}
	return v
}

// peerView reads what the other main says of itself. A record that can't be read counts as none.
func peerView(b bus.Beat) role.PeerView {
	p := role.PeerView{
		Member: role.Member{Host: b.Host, Identity: b.Identity}, Incarnation: b.Incarnation, Steps: b.Steps, PairID: b.PairID,
		WitnessID: b.WitnessID, Role: role.Role(b.Role), Epoch: b.Epoch, Known: b.Known, Revision: b.Revision, Seen: b.Seen, Pending: b.Pending, Reads: b.Reads,
		Committed: b.Committed, Position: b.Position, Empty: b.Empty, Fresh: b.Fresh, Unserved: b.Unserved,
		Fit: b.Fit, Unfit: b.Unfit, Stopping: b.Stopping, Resigned: b.Resigned, Lease: b.Lease, Terminals: b.Terminals, Serving: b.Serving,
	}
	if len(b.Record) > 0 {
		var r role.Record
		if err := strictjson.DecodeMessage(b.Record, &r); err == nil {
			p.Record = r
		}
	}
	return p
}
