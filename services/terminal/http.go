package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/terminal/figures"
	"github.com/hotpair/hotpair/services/terminal/standing"
	"github.com/hotpair/hotpair/services/terminal/web"
	"github.com/hotpair/hotpair/services/version"
)

// behind is the agent as its HTTP door sees it.
type behind struct{ *Agent }

// Ask implements web.Agent.
func (a behind) Ask(q web.Question, answer func(bus.Reply)) {
	asked := question{app: q.App, service: q.Service, operation: q.Operation, header: q.Header, body: q.Body}
	if done, is := asked.isFence(); is {
		a.askFence(done, q.Body, asker{take: answer})
		return
	}
	a.ask(asked, asker{take: answer})
}

// Queued implements web.Queue.
func (a behind) Queued(q web.Wanted) bus.Reply {
	if q.ID == "" && q.Key == "" {
		return a.results(q.After)
	}
	return a.kept(which{q.ID, q.Key})
}

// Forget implements web.Queue.
func (a behind) Forget(id string, answer func(bus.Reply)) { a.forget(which{ID: id}, answer) }

// Results implements web.Agent.
func (a behind) Results() *web.Results { return &a.came }

// Kept implements web.Agent.
func (a behind) Kept(after notice.After) ([]byte, error) { return a.inbox.After(after) }

// Last implements web.Agent.
func (a behind) Last() uint64 { return a.inbox.Last() }

// Changed implements web.Agent.
func (a behind) Changed() <-chan struct{} { return a.bell.next() }

// Services implements web.Agent.
func (a behind) Services() []bus.AgentService { return a.catalogue.list() }

// Status implements web.Agent.
func (a behind) Status() web.Status {
	known, now := a.store.get(), time.Now()
	s := web.Status{Terminal: a.config.ID, Epoch: known.Epoch, Host: known.Host, LastNotice: a.inbox.Last(), Now: now.UTC()}
	t := a.table
	t.mu.Lock()
	s.Serves, s.Since, s.Waiting = t.session != nil, t.standing.Since, len(t.entries)
	var oldest time.Time
	for _, e := range t.entries {
		if oldest.IsZero() || e.arrived.Before(oldest) {
			oldest = e.arrived
		}
	}
	takeover, _ := t.standing.Takeover()
	outage, _ := t.standing.Outage()
	feels := t.standing.Feels()
	t.mu.Unlock()
	if s.Waiting > 0 {
		s.OldestMS = now.Sub(oldest).Milliseconds()
	}
	s.LastTakeover, s.LastOutage = shown(takeover), shown(outage)
	c := a.queue.Count()
	s.Queued, s.Unknown = c.Waiting, c.Unsure
	s.Words = words(s, feels)
	s.Quarantined = a.queue.Quarantined()
	if said := a.queuedSaid(); said != "" {
		s.Words += " " + strings.ToUpper(said[:1]) + said[1:] + "."
	}
	s.Since = s.Since.UTC()
	return s
}

// Metrics implements web.Agent.
func (a behind) Metrics() []byte {
	s, c := a.Status(), a.queue.Count()
	t := a.table
	t.mu.Lock()
	_, takeovers := t.standing.Takeover()
	_, outages := t.standing.Outage()
	t.mu.Unlock()
	f := figures.Figures{
		Terminal: s.Terminal, Version: version.Name(), Attached: s.Serves, Since: s.Since, Epoch: s.Epoch, Waiting: s.Waiting, Oldest: time.Duration(s.OldestMS) * time.Millisecond,
		Queue:     figures.Queue{Waiting: c.Waiting, Bytes: c.Bytes, Unknown: c.Unsure, Kept: c.Done},
		Takeovers: takeovers, Outages: outages, LastNotice: s.LastNotice, Answers: &a.answers, Outcomes: &a.outcomes,
	}
	f.Queue.Oldest = a.queue.Age()
	return f.Page()
}

// shown is an interruption for applications, nil if there was none.
func shown(i standing.Interruption) *web.Interruption {
	if i.At.IsZero() {
		return nil
	}
	return &web.Interruption{At: i.At.UTC(), From: i.From, To: i.To, AwayMS: i.Away.Milliseconds(), Waiting: i.Waiting, FeltMS: i.Felt.Milliseconds(), GivenUp: i.GivenUp}
}

// words describes a status; feels: requests of the last takeover still wait.
func words(s web.Status, feels bool) string {
	since := " since " + wording.Time(s.Since) + " UTC"
	said := "Host " + s.Host + " serves" + since + "."
	switch {
	case !s.Serves && s.Host == "":
		said = "No host has attached to this terminal yet; the agent has waited for one" + since + "."
	case !s.Serves:
		said = "No host has served" + since + ": the network is down, or both hosts are; host " + s.Host + " was the last. Requests wait until their deadline."
	}
	if s.Waiting > 0 {
		said += " " + wording.Count(uint64(s.Waiting), "request") + " without an answer yet, the first for " + wording.After(s.OldestMS) + "."
	}
	if i := s.LastTakeover; i != nil {
		var felt []string
		switch {
		case feels:
			felt = append(felt, "and requests still wait")
		case i.FeltMS > 0:
			felt = append(felt, "requests waited for "+wording.After(i.FeltMS))
		}
		if i.GivenUp > 0 {
			felt = append(felt, wording.Count(uint64(i.GivenUp), "request")+" that timed out")
		}
		if felt == nil {
			felt = append(felt, "without effect on requests")
		}
		said += fmt.Sprintf(" Host %s took over from %s at %s, %s.", i.To, i.From, wording.Time(i.At), strings.Join(felt, "; "))
	}
	return said
}
