package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/explore/owncopy"
	"github.com/hotpair/hotpair/services/role/explore/plan"
	"github.com/hotpair/hotpair/services/role/explore/terminals"
)

// Times of the explored pair. A tick is a quarter of the lease: the coarsest grid on which half a lease, a lease and a
// promise are different numbers of ticks.
const (
	lease    = 400 * time.Millisecond
	tick     = lease / 4
	patience = 2 * tick
	deadline = 6                     // ticks after which the driver gives a drain up
	slowness = 50 * time.Millisecond // what a slow clock loses once: the margin of a promise
	genesis  = time.Hour             // clocks begin here: 0 is "never" to the machine
)

// wall is what the wall clock of a host shows.
func wall(clock time.Duration) time.Time { return time.Unix(0, 0).Add(clock) }

// pauseFor is how long a pause lasts.
const pauseFor = 10 * tick

// entry is one update in a journal.
type entry struct {
	epoch uint64
	id    uint64
}

// disk is what survives a crash of a host.
type disk struct {
	pair           string
	epoch, version uint64
	record         role.Record // last seen at the arbiter
	note           membership.Note
	log            []entry // durable journal, never changed in place
	committed      int     // how much of it is known to be committed
}

// updaterState is that of an updater, as services/updater has it.
type updaterState uint8

const (
	standby updaterState = iota
	preparing
	serving
	drained
)

// flight is the frame on its way.
type flight struct {
	needed bool // the other host must have it
	age    uint8
}

// hold is an order to make frames wait for the other host (R4).
type hold struct {
	serial uint64 // of Require; 0: nobody waits for the answer
	upTo   int
	note   membership.Note
	was    bool // what was required before
	met    bool
}

// updater is the part of an updater's state that a crash ends.
type updater struct {
	up       bool
	state    updaterState
	epoch    uint64
	prepared bool
	required bool
	session  uint64 // replication session that this host sends in; 0: none
	grant    uint64 // session of the other host that may append here; 0: none
	flight   *flight
	hold     *hold
}

// host is one of the two.
type host struct {
	name   string
	up     bool
	frozen bool
	run    uint64 // incarnation
	clock  time.Duration
	m      *role.Machine
	disk   disk
	upd    updater
	orders []role.Action // to the updater, in order
	reads  []register    // outstanding reads of the record, each with what stood in the register when it was sent
	drains uint8         // ticks that a drain has waited for the frame in flight
	asked  uint64        // serial of AskTerminals; 0: none
	later  []role.Input  // what this host itself has for its machine after the present step
	// right is what terminal-if may still believe: it shrinks only when terminal-if has confirmed.
	right    time.Duration
	muted    bool
	attached bool // terminals are
	told     role.UpdaterState
	evidence role.PeerEvidence
	exiting  bool
	lied     bool         // something else refuses in the other host's place
	own      owncopy.Copy // of the record, without a witness
	unkept   bool         // its disk does not take that copy
	seen     role.Terminals
}

// register is the arbiter's.
type register struct {
	id       string // of the witness
	record   role.Record
	revision uint64
}

// request is a compare-and-set on its way to the arbiter.
type request struct {
	host     int
	run      uint64
	write    role.WriteRecord
	informed bool // its host heard of a newer record when it sent it
	ghost    bool // nobody waits for the answer any more; it may be applied at any time
	storing  bool // to the own copy: what it expects stood there
}

// answer is the outcome of a request on its way back.
type answer struct {
	host int
	run  uint64
	in   role.RecordWritten
}

// beat is a beat or a reply to one.
type beat struct {
	view  role.PeerView
	sent  time.Duration // on the clock of who sent the beat
	grant bool
	run   uint64 // of who gets it, for a reply
	error string
}

// message is one of those beside beats.
type message struct {
	to int
	in role.Input
}

// frame is an append to the other host's journal, or its acknowledgement.
type frame struct {
	from    int
	session uint64
	at      int // place in the log
	entry   entry
	known   int  // committed, as the sender knows it
	back    bool // it is the acknowledgement
}

// delayed is a beat, reply, message or frame that arrives at some later time; one of them is set.
type delayed struct {
	beat, reply *beat
	message     *message
	frame       *frame
	read        *register
	age         uint8 // of a read, which is given up after half a lease
	host        int   // that sent the beat, gets the reply or message
}

// use of an epoch.
type use struct {
	epoch uint64
	host  int
}

// cuts of connections.
const (
	cutLinkAB = 1 << iota // packets of the link from a to b
	cutLinkBA
	cutReplication
	cutWitnessA
	cutWitnessB
)

// world is the whole pair as a value.
type world struct {
	hosts    [2]host
	register register
	older    []register  // what it held before, while a scenario rolls it back
	behind   bool        // it went back, and nothing was written since
	peak     role.Record // of the highest version that was ever written
	void     bool        // what is not promised has happened: no further
	healed   bool        // faults have ended: an operator does what the pair waits for
	beats    [2]*beat    // sent by
	replies  [2]*beat    // to
	requests []request
	answers  []answer
	messages []message
	frames   []frame
	cut      uint8
	acked    []entry // what terminals were told
	terms    terminals.Set
	used     []use  // who has served the last epochs
	forced   uint64 // the last epoch that was taken by force: what it left out counts as acknowledged no more
	delayed  []delayed
	faults   plan.Faults
	ids      uint64
	reverse  bool // what is owed happens in the reverse order
	// failure is the first rule that was broken.
	failure string
	rules   *plan.Rules
	trace   func(format string, v ...any)
}

func newWorld(r *plan.Rules) *world {
	w := &world{rules: r, terms: terminals.New(r.Terminals)}
	w.register.id = "W"
	for i, name := range []string{"a", "b"} {
		w.hosts[i] = host{name: name, clock: genesis}
	}
	return w
}

// clone gives a world that goes its own way. What is never changed in place is shared.
func (w *world) clone() *world {
	c := *w
	for i := range c.hosts {
		h := &c.hosts[i]
		if h.m != nil {
			h.m = h.m.Clone()
		}
		if h.upd.flight != nil {
			f := *h.upd.flight
			h.upd.flight = &f
		}
		if h.upd.hold != nil {
			f := *h.upd.hold
			h.upd.hold = &f
		}
		h.orders = slices.Clone(h.orders)
		h.reads = slices.Clone(h.reads)
		h.later = slices.Clone(h.later)
	}
	c.older = slices.Clone(c.older)
	c.requests = slices.Clone(c.requests)
	c.answers = slices.Clone(c.answers)
	c.messages = slices.Clone(c.messages)
	c.frames = slices.Clone(c.frames)
	c.delayed = slices.Clone(c.delayed)
	c.used = slices.Clone(c.used)
	return &c
}

func (w *world) id() uint64 { w.ids++; return w.ids }

func (w *world) member(i int) role.Member {
	return role.Member{Host: w.hosts[i].name, Identity: w.hosts[i].name}
}

// linkOpen: packets of the link reach the other host.
func (w *world) linkOpen(from int) bool { return w.cut&(cutLinkAB<<from) == 0 }

func (w *world) witnessOpen(i int) bool { return w.cut&(cutWitnessA<<i) == 0 }

// replicationOpen: both updaters run and reach each other.
func (w *world) replicationOpen() bool {
	return w.cut&cutReplication == 0 && w.works(0) && w.works(1) && w.hosts[0].upd.up && w.hosts[1].upd.up
}

// works: the host runs and is not frozen.
func (w *world) works(i int) bool { return w.hosts[i].up && !w.hosts[i].frozen }

func (w *world) say(format string, v ...any) {
	if w.trace != nil {
		w.trace(format, v...)
	}
}

func (w *world) fail(format string, v ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, v...)
	}
}
