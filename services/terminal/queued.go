package terminal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/strictjson"
	"github.com/hotpair/hotpair/services/terminal/queue"
)

// openQueue opens what has to be done.
func (a *Agent) openQueue() (*queue.Store, error) {
	store, err := queue.Open(a.config.Data, a.config.ID, a.store.get().Queued, a.reserveQueued, a.config.Queue)
	if err != nil {
		return nil, err
	}
	if name, why := store.Moved(); why != nil {
		a.log.Error("queued requests can't be executed: their file is damaged or another terminal's, and is quarantined; new requests are queued in a new file",
			"quarantined", name, "error", why)
	}
	if store.Doubt() {
		a.log.Warn("the file of queued requests was torn by a crash; its previous state was restored, and the last write may be missing")
	}
	a.queue = queue.New(queue.Config{Store: store, Within: a.config.Deadline, Told: a.publishResult, Log: a.log})
	return store, nil
}

// reserveQueued makes durable that numbers of the queue may have been given: the queue has its own file, which may be
// lost.
func (a *Agent) reserveQueued(upTo uint64) error {
	if upTo <= a.store.get().Queued {
		return nil
	}
	return a.store.update(func(f *facts) { f.Queued = max(f.Queued, upTo+keptBlock) })
}

// isQueued reports whether a request asks to be queued; its other headers are checked later.
func isQueued(q question) bool { return len(q.header[bus.HeaderQueue]) > 0 }

// enqueue queues a request, and answers when that is durable.
func (a *Agent) enqueue(q question, by asker) {
	to := []asker{by}
	if code, fault := sound(q); fault != "" {
		a.refuse(to, code, fault)
		return
	}
	r := queue.Request{Service: q.service, Operation: q.operation, Body: q.body}
	if fault := r.Read(q.header); fault != "" {
		a.refuse(to, bus.CodeMalformed, fault)
		return
	}
	a.queue.Put(r, func(became queue.Queued) {
		if became.Err != nil {
			a.refuse(to, queue.CodeOf(became.Err), became.Err.Error())
			return
		}
		a.answer(to, bus.Reply{Code: bus.CodeQueued, Body: bus.EncodeJSON(struct {
			ID    string `json:"id"`
			Again bool   `json:"again,omitempty"` // it was already queued, under its key
		}{became.ID, became.Again})})
	})
}

// publishResult tells applications the outcome of a request. Those that miss it can ask for it.
func (a *Agent) publishResult(t queue.Told) {
	a.outcomes.CountOutcome(t.Code, t.State == queue.Unsure.String())
	a.tellCame(bus.TopicResult, queue.EncodeJSON(t))
}

// which is what applications ask about.
type which struct {
	ID  string `json:"id"`
	Key string `json:"key,omitempty"`
}

// whichOf reads the question from a message, and answers malformed ones.
func (a *Agent) whichOf(m *nats.Msg) (w which, by []asker, ok bool) {
	by = []asker{{inbox: m.Reply}}
	if !strings.HasPrefix(m.Reply, inboxPrefix) {
		return w, by, false // nobody can be answered
	}
	err := strictjson.Decode(m.Data, &w)
	if err == nil && (w.ID == "") == (w.Key == "") {
		err = errors.New("want either id or key")
	}
	if err != nil {
		a.refuse(by, bus.CodeMalformed, fmt.Sprintf(`the body: %v; send {"id":"…"} with the id of the answer to queueing it, or {"key":"…"}`, err))
	}
	return w, by, err == nil
}

func (a *Agent) queueGet(m *nats.Msg) {
	if w, by, ok := a.whichOf(m); ok {
		a.answer(by, a.kept(w))
	}
}

// kept answers a question for one queued request.
func (a *Agent) kept(w which) bus.Reply {
	told, err := a.queue.Get(w.ID, w.Key)
	if err != nil {
		return bus.Reply{Code: queue.CodeOf(err), Message: err.Error()}
	}
	return bus.Reply{Body: queue.EncodeJSON(told)}
}

// queueResults returns an application what has come of requests.
func (a *Agent) queueResults(m *nats.Msg) {
	if after, by, ok := a.afterOf(m); ok {
		a.answer(by, a.results(after))
	}
}

// results answers a question for outcomes.
func (a *Agent) results(after notice.After) bus.Reply {
	kept, err := a.queue.After(after)
	if err != nil {
		if code := queue.CodeOf(err); code != bus.CodeFault {
			return bus.Reply{Code: code, Message: err.Error()}
		}
		a.log.Error("stored outcomes can't be read", "error", err)
		return bus.Reply{Code: bus.CodeFault, Message: "the outcomes stored at this terminal can't be read; see the log of its agent"}
	}
	kept.Directory = a.store.get().Directory
	return bus.Reply{Body: queue.EncodeJSON(kept)}
}

func (a *Agent) queueForget(m *nats.Msg) {
	if w, by, ok := a.whichOf(m); ok {
		a.forget(w, func(r bus.Reply) { a.answer(by, r) })
	}
}

// forget has a request forgotten that is over.
func (a *Agent) forget(w which, answer func(bus.Reply)) {
	if w.ID == "" {
		told, err := a.queue.Get("", w.Key)
		if err != nil {
			answer(bus.Reply{Code: queue.CodeOf(err), Message: err.Error()})
			return
		}
		w.ID = told.ID
	}
	a.queue.Forget(w.ID, func(err error) {
		if err != nil {
			answer(bus.Reply{Code: queue.CodeOf(err), Message: err.Error()})
			return
		}
		answer(bus.Reply{Body: []byte("{}")})
	})
}

// wait makes a request with a lane wait for the requests in it. Called before it is admitted.
func (a *Agent) wait(e *entry) {
	if e.lane == "" {
		return
	}
	e.deferred = true
	leave, first := a.queue.Behind(e.lane, func() { a.send(a.table.release(e)) })
	e.leave = leave
	if first {
		a.table.release(e)
	}
}

// over has a request leave its lane.
func (e *entry) over() {
	if e.leave != nil {
		e.leave()
	}
}

// queuedSaid describes the queue; "" if it is empty.
func (a *Agent) queuedSaid() string {
	var said []string
	c := a.queue.Count()
	if c.Waiting > 0 {
		said = append(said, fmt.Sprintf("%s queued on this machine, the oldest for %s", wording.Count(uint64(c.Waiting), "request"), wording.After(a.queue.Age().Milliseconds())))
	}
	if c.Unsure > 0 {
		said = append(said, fmt.Sprintf("queued: %s with an unknown outcome", wording.Count(uint64(c.Unsure), "request")))
	}
	if names := a.queue.Quarantined(); len(names) > 0 {
		said = append(said, "earlier queued requests can't be executed: their file was damaged or another terminal's, and is quarantined as "+
			strings.Join(names, ", ")+" in this agent's directory; inspect it, then remove it")
	}
	return strings.Join(said, "; ")
}
