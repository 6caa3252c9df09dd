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

// peer is the other main: it passes the messages of the link to the role machine, and reports this main's own state.
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
	// unproved counts calls without proof of an operator, last reported at toldUnproved, in Unix nanoseconds.
	unproved     atomic.Uint64
	toldUnproved atomic.Int64
	says         atomic.Pointer[saying] // in its last beat, for operators
	http         atomic.Pointer[string] // address of its operator interface, as it reports
	own          atomic.Pointer[string] // that of this main
}

// services are those of this host.
type services interface {
	// Down returns the services that are not ready.
	Down() []string
}

// saying is what the other main reports for operators.
type saying struct {
	down   []string // its services that are not ready
	unable string   // why it could not take over
}

// said returns the last report of the other main; empty before the first one.
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

// unprovedEvery is the least time between two reports of unproved calls: their sender determines how many arrive.
const unprovedEvery = time.Minute

// Unproved implements registry.Main.
func (p *peer) Unproved(call, host string) {
	n := p.unproved.Add(1)
	last, now := p.toldUnproved.Load(), time.Now().UnixNano()
	if now-last < int64(unprovedEvery) && last != 0 || !p.toldUnproved.CompareAndSwap(last, now) {
		return
	}
	text := fmt.Sprintf("refused %q over the link from %q: the call carries no proof that an operator made it (%d such calls so far)", call, host, n)
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
		text += fmt.Sprintf(" and does not hear %s, the last active (epoch %d)", active, v.Record.Epoch)
	}
	if v.Waiting != "" {
		text += ": " + v.Waiting
	}
	return text + "; try again once a host serves (hotpair explain says what happens next), or ask the host that serves"
}

// address returns the operator address of the other main; empty while it is unknown.
func (p *peer) address() string {
	if a := p.http.Load(); a != nil {
		return link.Reachable(*a, p.config.PeerLink)
	}
	return ""
}

// ownHTTP returns the operator address of this main; empty until it listens.
func (p *peer) ownHTTP() string {
	if a := p.own.Load(); a != nil {
		return *a
	}
	return ""
}

// giveEvidence combines the evidence of the link port (main) and of the replication port (updater).
func (p *peer) giveEvidence() {
	p.giving.Lock() // held until the machine has the result, so that the latest one arrives last
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

// Beaten answers a beat of the other main with the state after that very step.
func (p *peer) Beaten(b bus.Beat, answer func(bus.BeatReply, error)) {
	if err := p.refuses(b); err != nil {
		p.refused.Count(refusals.LinkHello)
		answer(bus.BeatReply{Beat: bus.Beat{Levels: level.Own(), Level: p.heard.level(), Host: p.config.Host}}, err)
		return
	}
	p.http.Store(&b.HTTP)
	if lost := p.schedule.Heard(b.Host, b.Incarnation, b.Scheduled, b.ScheduledBy); lost != nil {
		text := fmt.Sprintf("the switchover scheduled for %s by %s was lost when main on %s ended", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
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

// refuses returns why a hello is refused: another pair or witness, or no common level: no lease, no add.
func (p *peer) refuses(b bus.Beat) error {
	v := p.driver.View()
	_, err := level.Meet(level.Party{Name: p.config.Host, Range: level.Own(), At: p.heard.level()}, level.Party{Name: b.Host, Range: b.Levels, At: b.Level})
	switch {
	case err != nil:
		return err
	case b.Host == p.config.Host && b.Incarnation == p.incarnation:
		return fmt.Errorf("%w: HOTPAIR_PEER_LINK (%s) is the address of this host itself: set it to the address of the other host", errHello, p.config.PeerLink)
	case b.Host == p.config.Host:
		return fmt.Errorf("%w: both hosts are named %s: give one of them another HOTPAIR_HOST", errHello, b.Host)
	case b.Witnessless != p.config.Witnessless():
		return fmt.Errorf("%w: one of %s and %s has HOTPAIR_WITNESS=none and the other has a witness: set both alike", errHello, b.Host, p.config.Host)
	case b.PairID != "" && v.PairID != "" && b.PairID != v.PairID:
		return fmt.Errorf("%w: %s belongs to pair %s, %s to pair %s", errHello, b.Host, b.PairID, p.config.Host, v.PairID)
	case b.WitnessID != "" && v.WitnessID != "" && b.WitnessID != v.WitnessID:
		return fmt.Errorf("%w: %s uses witness %s, %s uses %s: set HOTPAIR_WITNESS to the same witness on both", errHello, b.Host, b.WitnessID, p.config.Host, v.WitnessID)
	}
	return nil
}

// BeatAnswered implements link.Main.
func (p *peer) BeatAnswered(sentAt time.Duration, r bus.BeatReply, refusal error) {
	if r.Wall != 0 && p.clocks.Add(clocks.Compare(sentAt, clocks.Reading{Boot: p.clock(), Wall: p.wall().UnixNano()}, r.Wall)) {
		p.tellClocks() // before the machine learns of the answer, which may make it prepare the first term
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

// errHello says that a hello comes from a host that can't be this one's partner.
var errHello = errors.New("refused")

// Sender identifies this main on the link.
func (p *peer) Sender() bus.LinkSender {
	return bus.LinkSender{Levels: level.Own(), Host: p.config.Host, Identity: p.driver.View().Self.Identity}
}

// errCantTake says that this host can't take over.
var errCantTake = errors.New("it can't take over")

// hear answers the other main's messages other than beats; events go to takeEvents.
func (p *peer) hear(takeEvents func(bus.HandEvents, func(bus.RecordedEvents, error))) {
	member := func(s bus.LinkSender) role.Member { return role.Member{Host: s.Host, Identity: s.Identity} }
	link.Hear(p.link, bus.CallMakeReady, func(q bus.MakeReady, answer func(bus.Done, error)) {
		p.log.Info("the other host is preparing to hand over", "cause", q.Cause, "step", role.B3)
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

// beat returns this main's state for a beat or a reply.
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

// view returns the machine's view of the other main. The other host is not fit for a hand-over while one of its
// services is down that works here. A service that is down on both hosts is an outage of that service, and does not
// prevent a hand-over.
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

// peerView reads the beat of the other main. An unreadable record counts as none.
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
