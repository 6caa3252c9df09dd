package traffic_test

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/modeltest"
)

// The processes of a host whose main is gone may live on, or be frozen and go on later. Here is every order of what can happen then
// to one read at that host, while the other one looks at its ports, takes over and acknowledges a write.

// life of a process.
type life int

const (
	alive life = iota
	frozen
	dead
)

// place is where the read is.
type place int

const (
	nowhere place = iota
	atRelay
	atBusiness
	atUpdater
	answeredAtUpdater // evaluated
	answeredAtBusiness
	answeredAtRelay
	delivered
)

// orphans is the old host, as far as it matters, and what the other one knows and does.
type orphans struct {
	main, updater, business, relay life
	unheard                        bool // the other host hears nothing of it, whatever lives
	rightOver                      bool
	link, replication              evidence.State
	serves                         bool // the other host
	acknowledged                   bool // a write there
	read                           place
	late                           bool // the read began after that
}

// laws are what keeps answers right. Tests take one away.
type laws struct {
	linkAlone  bool // a refused link is enough
	noRight    bool // answers leave without one
	evaluation bool // a business process evaluates by itself
}

// next gives every state that can follow, each with what happens.
func (o orphans) next(l laws) map[string]orphans {
	list := map[string]orphans{}
	can := func(what string, if_ bool, change func(*orphans)) {
		if if_ {
			after := o
			change(&after)
			list[what] = after
		}
	}
	for name, which := range map[string]func(*orphans) *life{
		"main": func(o *orphans) *life { return &o.main }, "updater": func(o *orphans) *life { return &o.updater },
		"business": func(o *orphans) *life { return &o.business }, "terminal-if": func(o *orphans) *life { return &o.relay },
	} {
		now := *which(&o)
		can(name+" is killed", now != dead, func(a *orphans) { *which(a) = dead })
		can(name+" is frozen", now == alive, func(a *orphans) { *which(a) = frozen })
		can(name+" goes on", now == frozen, func(a *orphans) { *which(a) = alive })
		can(name+" finds its main gone, and ends", now == alive && o.main == dead && name != "main", func(a *orphans) { *which(a) = dead })
	}
	can("all is cut off", !o.unheard, func(a *orphans) { a.unheard = true })
	// What the kernel of the old host says for a process that is dead, unless nothing is heard of it.
	for name, port := range map[string]struct {
		of   life
		seen func(*orphans) *evidence.State
	}{
		"link":        {o.main, func(o *orphans) *evidence.State { return &o.link }},
		"replication": {o.updater, func(o *orphans) *evidence.State { return &o.replication }},
	} {
		s := *port.seen(&o)
		can(name+" ends", port.of == dead && !o.unheard && s == evidence.Connected, func(a *orphans) { *port.seen(a) = s.Lost(true) })
		can(name+" falls silent", s == evidence.Connected && (o.unheard || port.of == frozen), func(a *orphans) { *port.seen(a) = s.Lost(false) })
		can(name+" refuses", port.of == dead && !o.unheard, func(a *orphans) { *port.seen(a) = s.DialRefused() })
	}
	// A right is renewed as long as main lives and is heard; who waits for its end waits longer than it lasts.
	can("the right ends", !o.rightOver && (o.main != alive || o.unheard), func(a *orphans) { a.rightOver = true })
	refused := o.link == evidence.Refused && (o.replication == evidence.Refused || l.linkAlone)
	can("the other host takes over", !o.serves && (refused || o.rightOver), func(a *orphans) { a.serves = true })
	can("a write is acknowledged there", o.serves && !o.acknowledged, func(a *orphans) { a.acknowledged = true })

	can("a read begins", o.read == nowhere && o.relay != dead, func(a *orphans) { a.read, a.late = atRelay, o.acknowledged })
	can("it goes to the business process", o.read == atRelay && o.relay == alive, func(a *orphans) { a.read = atBusiness })
	can("it asks the updater", o.read == atBusiness && o.business == alive, func(a *orphans) { a.read = atUpdater })
	can("it answers by itself", o.read == atBusiness && o.business == alive && l.evaluation, func(a *orphans) { a.read = answeredAtBusiness })
	can("the updater evaluates it", o.read == atUpdater && o.updater == alive, func(a *orphans) { a.read = answeredAtUpdater })
	can("the updater answers", o.read == answeredAtUpdater && o.updater == alive, func(a *orphans) { a.read = answeredAtBusiness })
	can("the business process answers", o.read == answeredAtBusiness && o.business == alive, func(a *orphans) { a.read = answeredAtRelay })
	can("the answer leaves", o.read == answeredAtRelay && o.relay == alive && (!o.rightOver || l.noRight), func(a *orphans) { a.read = delivered })
	return list
}

// wrong: what was read at the old host lacks a write that had been acknowledged before the read began.
func (o orphans) wrong() bool { return o.read == delivered && o.late }

// explore visits every state, and gives a shortest way to a wrong one, nil if there is none.
func explore(l laws) (states int, path []string) {
	start := orphans{link: evidence.Connected, replication: evidence.Connected}
	return modeltest.Explore(start, modeltest.Same, func(o orphans, visit modeltest.Visit[orphans]) {
		for what, after := range o.next(l) {
			visit(what, after, "")
		}
	}, func(o orphans) string {
		if o.wrong() {
			return "the read is older than what was acknowledged"
		}
		return ""
	})
}

func TestOutlive_NoReadIsOlderThanWhatWasAcknowledged(t *testing.T) {
	states, path := explore(laws{})
	t.Logf("measured: %d states", states)
	if path != nil {
		t.Errorf("%s", strings.Join(path, "\n"))
	}
	for _, c := range []struct {
		broken laws
		needs  string // an event without which it does not go wrong
	}{
		{laws{linkAlone: true}, "the updater evaluates it"},
		{laws{noRight: true}, "the right ends"},
		{laws{evaluation: true}, "it answers by itself"},
	} {
		_, path := explore(c.broken)
		modeltest.Breaks(t, c.broken, path, c.needs)
	}
}
