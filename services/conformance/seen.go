package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/conformance/stand"
	"github.com/hotpair/hotpair/services/strictjson"
)

// Rules that are judged by what the program did with the cases while nothing went wrong.

// each judges all that was observed; none says that there was nothing to judge.
func (u *suite) each(fits func(observed) bool, none verdict, judge func(observed) error) verdict {
	any := false
	for i, o := range u.base {
		if o.err != nil || !fits(o) {
			continue
		}
		any = true
		if err := judge(o); err != nil {
			return failed("%v: %v", u.cases[i], err)
		}
	}
	if !any {
		return none
	}
	return passed()
}

func every(observed) bool { return true }

func byTicket(o observed) bool { return o.request.Timer == nil && o.writes() }

// answers compares what came with the cases.
func answers(_ context.Context, u *suite) verdict {
	if len(u.cases) == 0 {
		return untried("it announces no operation")
	}
	for i, o := range u.base {
		c := u.cases[i]
		err := o.err
		if err == nil && u.options.Cases != nil {
			err = c.met(o)
		}
		if err != nil {
			return failed("case %d, %v: %v", i+1, c, err)
		}
	}
	return passed()
}

// met returns how the result differs from the case.
func (c Case) met(o observed) error {
	if o.answer.Code != c.Code {
		return fmt.Errorf("the answer is %s; want %d", said(o.answer.Reply), c.Code)
	}
	if err := c.differs(o.answer); err != nil {
		return err
	}
	left := leftBy(o)
	switch {
	case c.Timer != "" && o.writes() && !left.timers[c.Timer]:
		return fmt.Errorf("it sets no timer %q", c.Timer)
	case c.Notices != nil && !slices.EqualFunc(c.Notices, left.notices, Notice.awaits):
		return fmt.Errorf("its notices are %s; want %s", shown(left.notices), shown(c.Notices))
	case c.Emissions != nil && !slices.EqualFunc(c.Emissions, left.emissions, func(a, b Emission) bool {
		return a.Target == b.Target && a.Lane == b.Lane && alike(a.Body, b.Body)
	}):
		return fmt.Errorf("its emissions are %s; want %s", shown(left.emissions), shown(c.Emissions))
	}
	return nil
}

// shown is a list as a case has it.
func shown[T any](list []T) string {
	if len(list) == 0 {
		return "nothing"
	}
	text, err := json.Marshal(list)
	if err != nil { // of what was read as JSON: there is none
		return fmt.Sprint(list)
	}
	return fmt.Sprintf("%.600s", text)
}

// awaits reports whether a notice is what a case wants it to be.
func (n Notice) awaits(told Notice) bool {
	return slices.Equal(n.To, told.To) && n.Topic == told.Topic && n.Fenced == told.Fenced && n.WithinMS == told.WithinMS && alike(n.Body, told.Body)
}

// left is what a request leaves to be done.
type left struct {
	timers    map[string]bool
	notices   []Notice
	emissions []Emission
}

func leftBy(o observed) left {
	l := left{timers: map[string]bool{}}
	for _, call := range o.calls {
		if !call.Done() {
			continue
		}
		for _, s := range call.Commit.Outbox.Timers {
			l.timers[s.Key] = !s.Cancel
		}
		for _, n := range call.Commit.Outbox.Notices {
			l.notices = append(l.notices, Notice{n.To, n.Topic, object(n.Body), n.Fenced, n.Within.Milliseconds()})
		}
		for _, e := range call.Commit.Outbox.Emissions {
			l.emissions = append(l.emissions, Emission{e.Target, e.Lane, object(e.Body)})
		}
	}
	return l
}

// object is a body for comparing; what is none is nothing.
func object(body []byte) map[string]any {
	var o map[string]any
	if len(body) == 0 || strictjson.Decode(body, &o) != nil {
		return map[string]any{}
	}
	return o
}

// answersOnce is judged by all that was tried before.
func answersOnce(_ context.Context, u *suite) verdict {
	if u.twice > 0 {
		return failed("%d second answers to requests", u.twice)
	}
	for _, r := range u.refusals {
		if strings.Contains(r, answerSubject) {
			return failed("the server refuses a second answer to a request: it %s", stand.Readable(r))
		}
	}
	return passed()
}

// answerSubject is part of what answers go to.
const answerSubject = `Publish Violation - Subject "inbox.` + bus.ProcessTerminalInterface

func sentences(_ context.Context, u *suite) verdict {
	return u.each(every, untried("nothing was answered"), func(o observed) error {
		a := o.answer
		switch {
		case a.Wrong != "":
			return fmt.Errorf("%s", a.Wrong)
		case a.Code != bus.CodeOK && strings.TrimSpace(a.Message) == "":
			return fmt.Errorf("the error %d has no message", a.Code)
		case a.Code != bus.CodeOK && !utf8.ValidString(a.Message):
			return fmt.Errorf("the message of the error %d is not UTF-8: %.100q", a.Code, a.Message)
		case a.Code == bus.CodeOK && len(a.Body) == 0:
			return fmt.Errorf("the answer is empty; use {}")
		case a.Code == bus.CodeOK:
			if err := strictjson.Check(a.Body); err != nil {
				return fmt.Errorf("the answer %.100q: %w", a.Body, err)
			}
		}
		return nil
	})
}

func wellFormed(_ context.Context, u *suite) verdict {
	return u.each(func(o observed) bool { return len(o.calls) > 0 }, untried("it makes no call"), func(o observed) error {
		for _, c := range o.calls {
			if c.Malformed != nil {
				return fmt.Errorf("its %s: %w", c.Name, c.Malformed)
			}
			if reply, ok := c.Reply(); ok && reply.Code == bus.CodeMalformed {
				return fmt.Errorf("the updater refuses its %s: %s", c.Name, reply.Message)
			}
		}
		return nil
	})
}

func ticketPassed(_ context.Context, u *suite) verdict {
	return u.each(byTicket, u.noWriting(), func(o observed) error {
		for _, c := range o.calls {
			switch text := c.Ticket(); {
			case c.Malformed != nil:
			case text == "":
				return fmt.Errorf("its %s has no ticket", c.Name)
			case o.ticket != text:
				return fmt.Errorf("its %s has another ticket than the request", c.Name)
			}
		}
		return nil
	})
}

func oneCommit(_ context.Context, u *suite) verdict {
	return u.each(func(o observed) bool { return o.writes() }, u.noWriting(), func(o observed) error {
		var commits []*stand.Call
		for _, c := range o.calls {
			if c.Commit != nil {
				commits = append(commits, c)
			}
		}
		if len(commits) > 1 {
			return fmt.Errorf("it makes %d commits without a conflict", len(commits))
		}
		c := commits[0].Commit
		if o.answer.Code != c.Answer.Code || o.answer.Code == bus.CodeOK && !c.Answer.Revision && !bytes.Equal(compact(o.answer.Body), compact(c.Answer.Body)) {
			return fmt.Errorf("its commit records the answer %s, but the answer is %s", said(bus.Reply{Code: c.Answer.Code, Message: c.Answer.Message, Body: c.Answer.Body}), said(o.answer.Reply))
		}
		return nil
	})
}

// conditions looks at what the last run of each request has read.
func conditions(_ context.Context, u *suite) verdict {
	reads := func(o observed) bool {
		return o.writes() && slices.ContainsFunc(o.calls, func(c *stand.Call) bool { return c.Read != nil || c.Scan != nil })
	}
	none := u.noWriting()
	if len(u.writing()) > 0 {
		none = untried("no case reads before it writes")
	}
	return u.each(reads, none, func(o observed) error {
		var before []*stand.Call
		for _, c := range o.calls {
			switch {
			case c.Malformed != nil:
			case c.Commit == nil:
				before = append(before, c)
			case c.Done() && c.Writes():
				return covered(before, c.Commit)
			default:
				before = nil
			}
		}
		return nil
	})
}

// covered returns an error for a read that is not a condition of a commit.
func covered(before []*stand.Call, commit *bus.Commit) error {
	for _, c := range before {
		if c.Read != nil {
			for _, key := range c.Read.Keys {
				if !slices.ContainsFunc(commit.Conditions, func(d bus.Condition) bool { return bytes.Equal(d.Key, key) }) {
					return fmt.Errorf("it reads the key %.100q, which is no condition of its commit", key)
				}
			}
			continue
		}
		s := c.Scan
		reply, _ := c.Reply()
		through := ""
		if reply.More && len(reply.Items) > 0 {
			through = string(reply.Items[len(reply.Items)-1].Key)
		}
		held := false
		for _, r := range commit.Ranges {
			end := string(r.Through)
			held = held || bytes.HasPrefix(s.Prefix, r.Prefix) && bytes.Compare(r.After, s.After) <= 0 && (end == "" || through != "" && end >= through)
		}
		if !held {
			return fmt.Errorf("it scans the prefix %.100q after %.100q, but no range of its commit covers it", s.Prefix, s.After)
		}
	}
	return nil
}

func proofs(_ context.Context, u *suite) verdict {
	return u.each(byTicket, u.noWriting(), func(o observed) error {
		if o.answer.Proof == "" {
			return fmt.Errorf("the answer has no proof: copy %s from the reply to the commit", bus.HeaderProof)
		}
		return o.unproven
	})
}

// onePosition looks at requests that read more than once.
func onePosition(_ context.Context, u *suite) verdict {
	twice := func(o observed) bool {
		reads := 0
		for _, c := range o.calls {
			if c.Read != nil {
				reads++
			}
		}
		return reads > 1
	}
	return u.each(twice, untried("no case reads twice"), func(o observed) error {
		var asked [][]byte
		for _, c := range o.calls {
			switch {
			case c.Commit != nil:
				asked = nil
			case c.Read != nil:
				for _, key := range asked {
					if !slices.ContainsFunc(c.Read.Keys, func(k []byte) bool { return bytes.Equal(k, key) }) {
						return fmt.Errorf("its further read omits the key %.100q of an earlier read: the two may be of different positions", key)
					}
				}
				asked = append(asked, c.Read.Keys...)
			}
		}
		return nil
	})
}

func readsUnrecorded(ctx context.Context, u *suite) verdict {
	at := u.chosen(func(o observed) bool { return o.err == nil && u.cases[o.number].Query })
	if len(at) == 0 {
		return untried(`no case has "query": true`)
	}
	return of(u.replay(ctx, at, func(t *trial, _ int, r stand.Request) error {
		r.Attempt = 2
		if _, err := t.stand.Call(ctx, r, t.batches, t.options.Within); err != nil {
			return err
		}
		for _, c := range t.stand.Calls() {
			if c.Commit != nil {
				return fmt.Errorf("attempt 2 makes a commit")
			}
		}
		return nil
	}))
}

// subjects is judged by all that was tried before.
func subjects(_ context.Context, u *suite) verdict {
	for _, r := range u.refusals {
		if !strings.Contains(r, answerSubject) {
			return failed("the host refuses its message: it %s", stand.Readable(r))
		}
	}
	return passed()
}
