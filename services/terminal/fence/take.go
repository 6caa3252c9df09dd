package fence

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/commands"
)

// done is the token of a confirmation, which needs none.
const done = "done"

// mostWaiting bounds the callers that wait for one command: an application that asks again.
const mostWaiting = 16

// noRoom is the answer when nothing can be written: the command was neither taken nor confirmed.
const noRoom = "the disk of this terminal is full: nothing was taken or confirmed"

// take takes a command for an application, if no other here has it. That it is asked for is recorded first: without
// room for that it is not taken.
func (f *Fence) take(q asked) error {
	id := q.told.ID
	e, there := f.book.get(id)
	if h, ok := f.hands[id]; ok && e.State == Taken && q.By != "" && h.by == q.By {
		q.answer(handed(&q.told, h.body))
		return nil
	}
	if there && e.State != asking {
		refuse(q.answer, bus.CodeConflict, sentence(q.Number, e.State))
		return nil
	}
	if out := f.flying[id]; out != nil {
		if q.By == "" || out.by != q.By || len(out.waiting) >= mostWaiting { // it was not handed out yet, and may not be
			refuse(q.answer, bus.CodeOverloaded, fmt.Sprintf("notice %d is being taken by another application; ask again", q.Number))
			return nil
		}
		out.waiting = append(out.waiting, q.answer)
		return nil
	}
	if len(f.flying)+len(f.hands) >= open {
		refuse(q.answer, bus.CodeOverloaded, "too many commands were taken here and not confirmed as done; ask again")
		return nil
	}
	if !there {
		err := f.book.put(id, entry{State: asking, At: f.now().UnixNano(), Service: q.told.Service, Topic: q.told.Topic, Number: q.Number})
		if errors.Is(err, ErrNoRoom) {
			refuse(q.answer, bus.CodeFull, noRoom)
			return nil
		}
		if err != nil {
			return err
		}
	}
	f.flying[id] = &flight{told: q.told, by: q.By, waiting: []func(bus.Reply){q.answer}}
	f.Ask(notice.OperationTake, f.taking(id, f.token(id)), func(r bus.Reply) { f.in.answer(answered{id: id, reply: r}) })
	return nil
}

func (f *Fence) taking(id, token string) []byte {
	return bus.EncodeJSON(notice.Taking{ID: id, Directory: f.Directory, Token: token})
}

// token returns the token for taking a command: the same as before if that had no answer, a new one afterwards. So the
// pair answers only once that a taking was the first.
func (f *Fence) token(id string) string {
	token, again := f.tokens[id]
	if !again {
		token = rand.Text()
		if len(f.tokens) >= Most { // a command that was asked for is then unknown, if it was taken
			clear(f.tokens)
		}
		f.tokens[id] = token
	}
	return token
}

// judge handles the pair's answer to a taking.
func (f *Fence) judge(a answered) error {
	q := f.flying[a.id]
	if q == nil {
		return nil
	}
	delete(f.flying, a.id)
	tell := func(r bus.Reply) {
		for _, answer := range q.waiting {
			answer(r)
		}
	}
	var t notice.Taken
	if a.reply.Code == bus.CodeOK {
		if err := bus.DecodeJSON(a.reply.Body, &t); err != nil {
			a.reply = bus.Reply{Code: bus.CodeFault, Message: "the pair's answer can't be read: " + err.Error()}
		}
	}
	if a.reply.Code != bus.CodeOK { // it was not handed out: this run may ask again
		switch a.reply.Code {
		case bus.CodeUnknown: // by the pair or the agent, worded for requests
			a.reply.Message = fmt.Sprintf("the pair did not answer before the deadline, and notice %d was not handed out; ask again with the same by", q.told.Number)
		case bus.CodeMalformed, bus.CodeAbsent:
			a.reply = bus.Reply{Code: bus.CodeNobody, Message: "the active host does not support fenced commands, or not this version of them: " + a.reply.Message}
		}
		tell(a.reply)
		return nil
	}
	delete(f.tokens, a.id)
	e := entry{Service: q.told.Service, Topic: q.told.Topic, Number: q.told.Number, At: f.now().UnixNano()}
	if t.Verdict == commands.First.String() {
		e.State = Taken
		switch err := f.book.put(a.id, e); { // before anybody has it
		case errors.Is(err, ErrNoRoom): // the room of the recorded question is mostly enough
			if err := f.become(a.id, e, Unknown, "it was taken, and the full disk prevented recording it"); err != nil {
				return err
			}
			tell(bus.Reply{Code: bus.CodeConflict, Message: sentence(e.Number, Unknown)})
			return nil
		case err != nil:
			return err
		}
		f.hands[a.id] = hand{by: q.by, body: t.Body, at: f.now()}
		tell(handed(&q.told, t.Body))
		return nil
	}
	s, known := map[string]State{
		commands.Settled.String(): Done, commands.TooLate.String(): Late, commands.Doubtful.String(): Unknown, commands.Void.String(): Void, commands.Gone.String(): Gone,
	}[t.Verdict]
	if !known {
		tell(bus.Reply{Code: bus.CodeFault, Message: fmt.Sprintf("the pair answered with the verdict %.40q, which this agent does not know", t.Verdict)})
		return nil
	}
	if err := f.become(a.id, e, s, sentence(e.Number, s)); err != nil {
		return err
	}
	tell(bus.Reply{Code: bus.CodeConflict, Message: sentence(e.Number, s)})
	return nil
}

// handed is the answer to the application that takes a command.
func handed(t *notice.Told, body []byte) bus.Reply {
	return bus.Reply{Body: bus.EncodeJSON(notice.Handed{
		Number: t.Number, First: true, Service: t.Service, Topic: t.Topic, Body: body, ID: t.ID, At: t.At, Until: t.Until,
	})}
}

// sentence says why a command is not handed out. Its first word is the state.
func sentence(number uint64, s State) string {
	why := ""
	switch s {
	case Open:
		why = "nobody has taken it"
	case Taken:
		why = "it was handed out here and is not confirmed as done yet"
	case Done:
		why = "it was carried out"
	case Late:
		why = "it expired before anybody took it"
	case Unknown:
		why = "it was taken before and not confirmed as done, because this terminal's agent was restarted or lost its directory. Check whether it was carried out"
	case Void:
		why = "the pair lost the history in which it was sent, and it is unknown whether it was taken. Check whether it was carried out"
	case Gone:
		why = "the pair has discarded it: it was settled, or it expired"
	}
	return fmt.Sprintf("%s: notice %d is not handed out: %s", s, number, why)
}

// finish records that a command was carried out, and tells the pair.
func (f *Fence) finish(q asked) error {
	id := q.told.ID
	e, ok := f.book.get(id)
	switch {
	case ok && e.State == Done:
	case ok && (e.State == Taken || e.State == Unknown):
		e.State, e.Owed, e.At = Done, true, f.now().UnixNano()
		switch err := f.book.put(id, e); {
		case errors.Is(err, ErrNoRoom):
			refuse(q.answer, bus.CodeFull, noRoom)
			return nil
		case err != nil:
			return err
		}
		delete(f.hands, id)
		f.owe(id)
	default:
		refuse(q.answer, bus.CodeConflict, fmt.Sprintf("%s: notice %d was not handed out here, so it can't be confirmed as done; take it first", f.State(id), q.Number))
		return nil
	}
	q.answer(bus.Reply{Body: bus.EncodeJSON(notice.Became{Number: e.Number, ID: id, Service: e.Service, Topic: e.Topic, State: string(Done)})})
	return nil
}

// pay tells the pair what it does not know yet.
func (f *Fence) pay() {
	for id, e := range f.book.entries {
		if e.Owed {
			f.owe(id)
		}
	}
}

// owes reports whether a confirmation is to be sent.
func (f *Fence) owes() bool {
	for _, e := range f.book.entries {
		if e.Owed {
			return true
		}
	}
	return false
}

func (f *Fence) owe(id string) {
	if f.owing[id] || len(f.owing) >= atOnce || !f.Serves() { // otherwise it is sent later
		return
	}
	f.owing[id] = true
	f.Ask(notice.OperationDone, f.taking(id, done), func(r bus.Reply) { f.in.answer(answered{id: id, done: true, reply: r}) })
}

// paid handles the pair's answer to a confirmation. Whatever it says of the command, the pair has been told.
func (f *Fence) paid(a answered) error {
	delete(f.owing, a.id)
	e, ok := f.book.get(a.id)
	if a.reply.Code != bus.CodeOK || !ok || !e.Owed {
		return nil // again, later
	}
	e.Owed = false
	err := f.book.put(a.id, e)
	if errors.Is(err, ErrNoRoom) { // after a restart it is sent again
		f.book.remember(a.id, e)
		return nil
	}
	return err
}
