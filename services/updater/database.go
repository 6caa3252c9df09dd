package updater

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/jsonform"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/queue"
	"github.com/hotpair/hotpair/storage"
)

// scanQueue bounds the scans that wait; they are answered one after the other, beside the reads, because one may take
// milliseconds.
const scanQueue = 256

// maxBacklog bounds the answers that business processes do not read, in bytes; beyond it they may not ask for more. Commits are not refused
// for it, as their answers are small and as many as wait in the queue; but one that has been done before is not answered with what was
// recorded, which may be large.
const maxBacklog = 64 << 20

// errElsewhere says that the reply subject of a call is not its caller's.
var errElsewhere = errors.New("the reply subject belongs to another service")

// complaintEach bounds how often a false ticket is told of.
const complaintEach = time.Minute

// database serves db.*: what business processes read and commit. Each service has the key space of its name, which it
// can't choose: the bus lets it publish nowhere else.
type database struct {
	store *storage.Store
	// term gives the term that is served, nil when this host serves none.
	term func() *term
	log  *slog.Logger

	complaints rate.Sometimes // of false tickets: a process can send thousands a second

	scans   chan func()
	batches atomic.Pointer[batch.Responder[bus.DatabaseCall, bus.DatabaseReply]] // once it serves
	close   []func()
}

func newDatabase(store *storage.Store, current func() *term, log *slog.Logger) *database {
	return &database{store: store, term: current, log: log, complaints: rate.Sometimes{First: 3, Interval: complaintEach}, scans: make(chan func(), scanQueue)}
}

// serve subscribes. stop ends what it began.
func (d *database) serve(conn *bus.Conn) error {
	batches, err := batch.NewResponder(conn, bus.DatabaseSubject("*", "pack"), "", replySize, d.handle, d.stray, toAsker)
	if err != nil {
		return err
	}
	d.batches.Store(batches)
	d.close = append(d.close, batches.Close)
	for _, call := range []string{"read", "scan", "commit"} {
		sub, err := conn.Subscribe(bus.DatabaseSubject("*", call), func(m *nats.Msg) {
			if err := toAsker(m); err != nil {
				d.stray(m, err)
				return
			}
			c, write, err := jsonform.Read(call, m.Data)
			answer := func(r bus.DatabaseReply) { d.respond(m, r, write) }
			if err != nil {
				answer(jsonform.Refusal(err))
				return
			}
			d.handle(c, m.Subject, answer)
		})
		if err != nil {
			return fmt.Errorf("serve %s: %w", call, err)
		}
		d.close = append(d.close, func() { _ = sub.Unsubscribe() }) // fails only when the connection is closed already
	}
	return nil
}

// toAsker refuses a call whose answer would not go to the service that makes it. What a process may publish the bus says by the subject, and
// asks nothing of where the answer goes: a service could have the updater answer another one, which would take that for the answer to a
// call of its own.
func toAsker(m *nats.Msg) error {
	service, _, ok := bus.ServiceOfDatabaseSubject(m.Subject)
	if inbox := bus.InboxPrefix(bus.ProcessBusiness+"."+service) + "."; !ok || !strings.HasPrefix(m.Reply, inbox) {
		return fmt.Errorf("%w: %.100q, but service %.70q receives below %s", errElsewhere, m.Reply, service, inbox)
	}
	return nil
}

// stop takes no more calls.
func (d *database) stop() {
	for _, f := range d.close {
		f()
	}
}

// flush lets the answers leave that were given, those at the end of the term included.
func (d *database) flush() {
	batches := d.batches.Load()
	if batches == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), finishWithin)
	defer cancel()
	if err := batches.Flush(ctx); err != nil {
		d.log.Debug("answers could not be sent before the end", "error", err) // the connection is gone, and who asked knows
	}
}

// run answers scans until ctx ends.
func (d *database) run(ctx context.Context) error {
	for {
		select {
		case scan := <-d.scans:
			scan()
		case <-ctx.Done():
			return nil
		}
	}
}

// handle takes one call. It never blocks: commits wait for their frame in the queue, scans for their turn.
func (d *database) handle(c bus.DatabaseCall, subject string, answer func(bus.DatabaseReply)) {
	service, _, ok := bus.ServiceOfDatabaseSubject(subject)
	if !ok || !bus.ValidName(service) {
		answer(bus.DatabaseReply{Code: bus.CodeMalformed, Message: "no service has the subject " + subject})
		return
	}
	t := d.term()
	switch {
	case t == nil:
		answer(nobody("this host does not serve"))
		return
	case c.Commit == nil && d.backlog() > maxBacklog:
		answer(overloaded("answers wait to be read"))
		return
	}
	asked, refused := d.admit(t, service, c.Ticket())
	plain := answer
	answer = func(r bus.DatabaseReply) {
		if draft.Reused(asked.ID, &r) {
			t.measured.reused.note(asked.ID.Terminal)
		}
		if r.Recorded != nil && d.backlog() > maxBacklog {
			r = overloaded("answers wait to be read") // nothing was done by this call
		}
		prove(t, asked, &r, c.Commit != nil)
		plain(r)
	}
	switch {
	case refused != nil:
		answer(*refused)
	case c.Read != nil && len(c.Read.Ranges) == 0:
		answer(read(d.store, service, asked, c.Read))
	case c.Read != nil:
		d.inTurn(answer, func() bus.DatabaseReply { return read(d.store, service, asked, c.Read) })
	case c.Scan != nil:
		d.inTurn(answer, func() bus.DatabaseReply { return scan(d.store, service, asked, c.Scan) })
	case c.Commit != nil:
		commit(t, service, asked, c.Commit, answer)
	default:
		answer(bus.DatabaseReply{Code: bus.CodeMalformed, Message: "empty call"})
	}
}

// admit gives the request that a call belongs to, zero for none, or the reply that refuses its ticket. Nothing but the ticket
// counts: the process that makes the call is not trusted.
func (d *database) admit(t *term, service, text string) (ticket.Ticket, *bus.DatabaseReply) {
	if text == "" {
		return ticket.Ticket{}, nil
	}
	asked, err := t.tickets.Read(service, text)
	if err != nil {
		d.complaints.Do(func() { d.log.Warn("refused a call with an invalid ticket", "service", service, "error", err) })
		return asked, &bus.DatabaseReply{Code: bus.CodeForbidden, Message: err.Error()}
	}
	if asked.Epoch != t.epoch {
		reply := otherEpoch(t, asked.Epoch)
		return asked, &reply
	}
	return asked, nil
}

// prove proves to terminal-if where the updates of a request stand that a reply tells of. The position that a read was made at
// is none.
func prove(t *term, asked ticket.Ticket, r *bus.DatabaseReply, committed bool) {
	if asked.ID == (bus.RequestID{}) {
		return
	}
	if r.Recorded != nil {
		if !r.Recorded.Position.IsZero() {
			r.Recorded.Proof = t.tickets.Prove(asked, r.Recorded.Position)
		}
	} else if committed && !r.Position.IsZero() {
		r.Proof = t.tickets.Prove(asked, r.Position)
	}
}

func otherEpoch(t *term, epoch uint64) bus.DatabaseReply {
	return nobody(fmt.Sprintf("this host serves epoch %d, the commit is of epoch %d", t.epoch, epoch))
}

// backlog is what was answered and not read, in bytes.
func (d *database) backlog() int64 {
	if batches := d.batches.Load(); batches != nil {
		return batches.Backlog()
	}
	return 0
}

// inTurn has a scan, or a read that looks at ranges, answered when those before it are.
func (d *database) inTurn(answer func(bus.DatabaseReply), scan func() bus.DatabaseReply) {
	select {
	case d.scans <- func() { answer(scan()) }:
	default:
		answer(overloaded("too many scans wait"))
	}
}

// commitCall is a commit that waits for its frame.
type commitCall struct {
	draft.Commit
	epoch  uint64
	answer func(bus.DatabaseReply)
}

// callSize is what a call takes in the queue.
func callSize(c *commitCall) int { return c.Size }

// commit puts a commit into the queue of the term (step A1 has brought it here).
func commit(t *term, service string, asked ticket.Ticket, c *bus.Commit, answer func(bus.DatabaseReply)) {
	if asked.Epoch != 0 {
		c.Epoch = asked.Epoch
	}
	if c.Epoch != t.epoch {
		answer(otherEpoch(t, c.Epoch))
		return
	}
	made, refused := draft.NewCommit(service, asked, c)
	if refused != nil {
		answer(*refused)
		return
	}
	switch err := t.queue.Put(&commitCall{made, c.Epoch, answer}); {
	case errors.Is(err, queue.ErrFull):
		answer(overloaded(err.Error()))
	case err != nil:
		answer(nobody(err.Error()))
	}
}

// nobody is the reply of a host that does not serve that epoch: nothing was done.
func nobody(why string) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeNobody, Message: why}
}

func overloaded(why string) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeOverloaded, Message: why}
}

// respond answers a single message, in the form of the call. A reply that can't be sent is lost with the connection, and the asker
// knows that.
func (d *database) respond(m *nats.Msg, r bus.DatabaseReply, write jsonform.Writer) {
	data, err := write(r)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		d.log.Debug("a reply could not be sent", "subject", m.Subject, "error", err)
	}
}

// stray drops what is no batch, because requests are paired by the numbers in it, and what is to be answered elsewhere: nobody can be answered.
func (d *database) stray(m *nats.Msg, err error) {
	d.complaints.Do(func() {
		d.log.Warn("dropped a message that is not a call", "subject", m.Subject, "error", err)
	})
}

func replySize(r bus.DatabaseReply) int {
	n := 64 + len(r.Message)
	for _, item := range r.Items {
		n += len(item.Key) + len(item.Value) + 16
	}
	if r.Recorded != nil {
		n += len(r.Recorded.Body)
	}
	return n
}
