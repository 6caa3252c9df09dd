package fence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/strictjson"
)

const (
	// atOnce bounds the simultaneous questions of applications, and open the unsettled commands.
	atOnce = 256
	open   = Most / 2
	// maxAsked bounds an application's request, and maxBy the name of the application, in bytes.
	maxAsked = 4096
	maxBy    = 128
	// owedEvery is the interval at which a confirmation is repeated that the pair did not receive.
	owedEvery = 2 * time.Second
)

// State of a command, as applications see it.
type State string

// What becomes of a command here.
const (
	asking  State = "asking"  // the pair is asked, or was when the agent ended: applications see it as open
	Open    State = "open"    // not recorded: nobody at this terminal has taken it
	Taken   State = "taken"   // it was handed out and is not confirmed as done
	Done    State = "done"    // an application has confirmed that it was carried out
	Late    State = "late"    // it expired before it was taken
	Unknown State = "unknown" // it is unknown whether it was carried out
	Void    State = "void"    // the pair lost the history in which it was sent; unknown whether it was carried out
	Gone    State = "gone"    // the pair has discarded it
)

func (s State) known() bool {
	switch s {
	case asking, Open, Taken, Done, Late, Unknown, Void, Gone:
		return true
	}
	return false
}

// Config describes a Fence.
type Config struct {
	Dir       string // the agent's directory
	Directory string // the identity of that directory
	// Find returns the notice with a number. The error says that it does not exist or was discarded.
	Find func(number uint64) (notice.Told, error)
	// Ask sends a request to the pair. answer is called at most once, from any goroutine.
	Ask func(operation string, body []byte, answer func(bus.Reply))
	// Serves reports whether a host is attached now.
	Serves func() bool
	// Tell sends the state of a command to applications.
	Tell func(notice.Became)
	Log  *slog.Logger
}

// Fence hands commands out. Take, Finish and State may be called from any goroutine.
type Fence struct {
	Config
	book *book
	now  func() time.Time

	in     *inflow
	flying map[string]*flight // by id of the command
	owing  map[string]bool    // the pair is being told
	hands  map[string]hand    // what this run has handed out
	tokens map[string]string  // of takings without an answer, which may be repeated
}

// asked is a question of an application.
type asked struct {
	notice.Take
	told   notice.Told
	done   bool
	answer func(bus.Reply)
}

// answered is what the pair says.
type answered struct {
	id    string
	done  bool
	reply bus.Reply
}

// flight is a command that is being taken.
type flight struct {
	told    notice.Told
	by      string
	waiting []func(bus.Reply)
}

// hand is a command that was handed out, and to which application, which gets it again when it asks again.
type hand struct {
	by   string
	body []byte
	at   time.Time
}

// New opens the book in a directory.
func New(c Config) (*Fence, error) {
	b, name, why, err := openBook(c.Dir)
	if err != nil {
		return nil, err
	}
	if name != "" {
		c.Log.Error("the file with the states of fenced commands is unreadable and quarantined; the pair is asked about each command", "quarantined", name, "error", why)
	}
	return &Fence{
		Config: c, book: b, now: time.Now, in: newInflow(),
		flying: map[string]*flight{}, owing: map[string]bool{}, hands: map[string]hand{}, tokens: map[string]string{},
	}, nil
}

// Close closes the file, after Run has ended.
func (f *Fence) Close() error { return f.book.close() }

// State returns the state of a command, by the id of its notice.
func (f *Fence) State(id string) string {
	if e, ok := f.book.get(id); ok && e.State != asking {
		return string(e.State)
	}
	return string(Open)
}

// Take takes a command for an application. answer is called once, unless the agent ends first, and must not block.
func (f *Fence) Take(data []byte, answer func(bus.Reply)) { f.ask(data, false, answer) }

// Finish confirms that a command was carried out. answer is called as in Take.
func (f *Fence) Finish(data []byte, answer func(bus.Reply)) { f.ask(data, true, answer) }

func (f *Fence) ask(data []byte, done bool, answer func(bus.Reply)) {
	q := asked{done: done, answer: answer}
	err := strictjson.Decode(data, &q.Take)
	if err == nil && (len(data) > maxAsked || len(q.By) > maxBy || q.Number == 0) {
		err = fmt.Errorf("it has no number, or it exceeds %d bytes", maxAsked)
	}
	if err != nil {
		refuse(answer, bus.CodeMalformed, fmt.Sprintf(`the body: %v; send {"number":"12","by":"…"}: the number of the notice, and a name that your application chose at its start`, err))
		return
	}
	if q.told, err = f.Find(q.Number); err != nil {
		refuse(answer, bus.CodeAbsent, err.Error())
		return
	}
	if !q.told.Fenced || len(q.told.ID) > maxKey {
		refuse(answer, bus.CodeConflict, fmt.Sprintf("notice %d is not a fenced command: its body came with the notice", q.Number))
		return
	}
	if !f.in.ask(q) {
		refuse(answer, bus.CodeOverloaded, "this terminal is taking too many commands at the same time; ask again")
	}
}

func refuse(answer func(bus.Reply), code int, why string) {
	answer(bus.Reply{Code: code, Message: why})
}

// Run works until ctx ends, which returns its error, or until the disk fails: ErrDisk.
func (f *Fence) Run(ctx context.Context) error {
	if err := f.recover(); err != nil {
		return err
	}
	f.pay()
	var look <-chan time.Time // nil while there is nothing to look for: many agents may run in one process, and most have no command
	for {
		if look == nil && (len(f.hands) > 0 || f.owes()) {
			look = time.After(owedEvery)
		}
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.in.ring:
			err = f.work()
		case <-look:
			look = nil
			err = f.forgotten()
			f.pay()
		}
		if err != nil {
			return err
		}
	}
}

// work does what waits.
func (f *Fence) work() error {
	list, answers := f.in.all()
	for _, a := range answers {
		settle := f.judge
		if a.done {
			settle = f.paid
		}
		if err := settle(a); err != nil {
			return err
		}
	}
	for _, q := range list {
		do := f.take
		if q.done {
			do = f.finish
		}
		if err := do(q); err != nil {
			return err
		}
	}
	return nil
}

// recover finds the commands that were taken and not confirmed as done when the agent ended: it is unknown whether an
// application has them.
func (f *Fence) recover() error {
	var list []string
	for id, e := range f.book.entries {
		if e.State == Taken {
			list = append(list, id)
		}
	}
	for _, id := range list {
		e, _ := f.book.get(id)
		if err := f.become(id, e, Unknown, "it was handed out, or about to be, when this terminal's agent ended"); err != nil {
			return err
		}
	}
	return nil
}

// forgotten finds commands that were handed out long ago, and are not confirmed as done.
func (f *Fence) forgotten() error {
	for id, h := range f.hands {
		e, ok := f.book.get(id)
		if !ok || e.State != Taken {
			delete(f.hands, id)
		} else if f.now().Sub(h.at) > commands.Patience {
			delete(f.hands, id)
			why := "no application has confirmed that it was carried out"
			if err := f.become(id, e, Unknown, why); err != nil {
				return err
			}
		}
	}
	return nil
}

// become makes the state of a command durable that is not handed out again, and sends it to applications.
func (f *Fence) become(id string, e entry, s State, why string) error {
	e.State, e.At = s, f.now().UnixNano()
	switch err := f.book.put(id, e); {
	case errors.Is(err, ErrNoRoom): // after a restart the pair knows it
		f.book.remember(id, e)
	case err != nil:
		return err
	}
	if s == Unknown || s == Void {
		f.Log.Error("nobody knows whether a fenced command was carried out; it is not handed out again", "command", id, "number", e.Number, "service", e.Service, "topic", e.Topic, "reason", why)
	}
	f.Tell(notice.Became{Number: e.Number, ID: id, Service: e.Service, Topic: e.Topic, State: string(s), Why: why})
	return nil
}
