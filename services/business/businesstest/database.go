package businesstest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/jsonform"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/storage/position"
)

// Bounds as the updater has them.
const (
	maxReadKeys   = 1024
	maxReadBytes  = 4 << 20
	maxScanItems  = 1000
	maxScanBytes  = 1 << 20
	maxUpdate     = 1 << 20
	maxOperations = 4096
	maxKey        = 1 << 14
)

// Database answers db.* of all services from memory. Frames are like the updater's: the calls that arrived while the
// previous frame was written are decided in order, and answered when their frame is committed.
type Database struct {
	// BeforeFrame is called before each frame is committed, on the goroutine that commits; a test may block it. Set it
	// before Serve.
	BeforeFrame func()

	mu        sync.Mutex
	epoch     uint64
	sequence  uint64
	items     map[string]stored // service + "/" + key
	sorted    []string          // of items
	answers   map[bus.RequestID]recorded
	oldest    map[string]uint64
	timers    map[timerName]Timer
	notices   []Notice
	targets   []string // nil: each that is named
	emitted   []Emitted
	scanItems int
	calls     Calls
	code      int // every call is answered with this code if not 0

	arrived chan pendingCommit
	ended   chan struct{}
	stop    []func()
	working sync.WaitGroup
}

// Calls counts the calls.
type Calls struct{ Reads, Scans, Commits, Frames int }

type stored struct {
	value    []byte
	revision uint64
}

type recorded struct {
	reply  bus.Reply
	digest ticket.Digest
}

type pendingCommit struct {
	service string
	asked   ticket.Ticket
	commit  *bus.Commit
	answer  func(bus.DatabaseReply)
}

// NewDatabase returns an empty database that serves epoch 1. Close ends it.
func NewDatabase() *Database {
	d := &Database{
		epoch: 1, sequence: 1, // sequence 1 is the entry that begins the epoch
		items: map[string]stored{}, answers: map[bus.RequestID]recorded{}, oldest: map[string]uint64{}, timers: map[timerName]Timer{},
		scanItems: maxScanItems,
		arrived:   make(chan pendingCommit, 1<<16), ended: make(chan struct{}),
	}
	d.working.Go(d.commitFrames)
	return d
}

// Serve answers calls of a connection, in batches and singly.
func (d *Database) Serve(conn *bus.Conn) error {
	batches, err := batch.NewResponder(conn, bus.DatabaseSubject("*", "pack"), "", replySize, d.handle, nil)
	if err != nil {
		return err
	}
	d.stop = append(d.stop, batches.Close)
	for _, name := range []string{"read", "scan", "commit"} {
		sub, err := conn.Subscribe(bus.DatabaseSubject("*", name), func(m *nats.Msg) {
			q, write, err := jsonform.Read(name, m.Data)
			answer := func(reply bus.DatabaseReply) {
				data, err := write(reply)
				if err == nil {
					_ = m.Respond(data) // fails only when the test has ended
				}
			}
			if err != nil {
				answer(jsonform.Refusal(err))
				return
			}
			d.handle(q, m.Subject, answer)
		})
		if err != nil {
			return err
		}
		d.stop = append(d.stop, func() { _ = sub.Unsubscribe() })
	}
	return conn.Flush()
}

// Leave stops answering calls, like an updater that has ended. The data stay, and Serve answers calls again.
func (d *Database) Leave() {
	for _, stop := range d.stop {
		stop()
	}
	d.stop = nil
}

// Close ends the database and waits for the frame in progress.
func (d *Database) Close() {
	d.Leave()
	close(d.ended)
	d.working.Wait()
}

// SetEpoch begins a term: commits of other epochs are refused from now on.
func (d *Database) SetEpoch(epoch uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.epoch = epoch
	d.sequence++
}

// SetScanItems sets the most items of one page.
func (d *Database) SetScanItems(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scanItems = n
}

// Refuse answers every call with a code and executes none; 0 ends this.
func (d *Database) Refuse(code int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.code = code
}

// Calls returns the counts so far.
func (d *Database) Calls() Calls {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// Recorded returns the recorded answer of an id.
func (d *Database) Recorded(id bus.RequestID) (bus.Reply, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.answers[id]
	return a.reply, ok
}

// Value returns the value of a service's key, with its revision, 0 if absent.
func (d *Database) Value(service, key string) ([]byte, uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	item := d.items[service+"/"+key]
	return item.value, item.revision
}

// Len is the number of a service's keys.
func (d *Database) Len(service string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for key := range d.items {
		if strings.HasPrefix(key, service+"/") {
			n++
		}
	}
	return n
}

func (d *Database) handle(q bus.DatabaseCall, subject string, answer func(bus.DatabaseReply)) {
	service, _, ok := bus.ServiceOfDatabaseSubject(subject)
	if !ok {
		answer(bus.DatabaseReply{Code: bus.CodeMalformed, Message: "no service in " + subject})
		return
	}
	asked, err := request(q, service)
	d.mu.Lock()
	code := d.code
	d.mu.Unlock()
	switch {
	case err != nil:
		answer(bus.DatabaseReply{Code: bus.CodeForbidden, Message: err.Error()})
	case code != 0:
		answer(bus.DatabaseReply{Code: code, Message: fmt.Sprintf("the test refuses with %d", code)})
	case q.Read != nil:
		answer(d.read(service, asked, q.Read))
	case q.Scan != nil:
		answer(d.scan(service, asked, q.Scan))
	case q.Commit != nil:
		if refusal, ok := check(asked, q.Commit); !ok {
			answer(refusal)
			return
		}
		d.arrived <- pendingCommit{service, asked, q.Commit, answer}
	default:
		answer(bus.DatabaseReply{Code: bus.CodeMalformed, Message: "a call without content"})
	}
}

func (d *Database) position() position.Position {
	return position.Position{Epoch: d.epoch, Sequence: d.sequence}
}

func (d *Database) read(service string, asked ticket.Ticket, q *bus.Read) bus.DatabaseReply {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls.Reads++
	if reply, done := d.executed(asked); done {
		return reply
	}
	if len(q.Keys) > maxReadKeys {
		return bus.DatabaseReply{Code: bus.CodeTooLarge, Message: "too many keys in one read"}
	}
	if refusal := d.unmoved(service, nil, q.Ranges); refusal.Code != bus.CodeOK {
		return refusal
	}
	reply := bus.DatabaseReply{Position: d.position()}
	bytes := 0
	for _, key := range q.Keys {
		item := d.items[service+"/"+string(key)]
		if bytes += len(item.value); bytes > maxReadBytes {
			return bus.DatabaseReply{Code: bus.CodeTooLarge, Message: "too many bytes in one read"}
		}
		reply.Items = append(reply.Items, bus.Item{Key: key, Value: item.value, Revision: item.revision})
	}
	return reply
}

func (d *Database) scan(service string, asked ticket.Ticket, q *bus.Scan) bus.DatabaseReply {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls.Scans++
	if reply, done := d.executed(asked); done {
		return reply
	}
	if !q.At.IsZero() && q.At != d.position() {
		return bus.DatabaseReply{Code: bus.CodeConflict, Message: "the state has moved", Position: d.position()}
	}
	if refusal := d.unmoved(service, q.Conditions, q.Ranges); refusal.Code != bus.CodeOK {
		return refusal
	}
	limit := q.Limit
	if limit <= 0 || limit > d.scanItems {
		limit = d.scanItems
	}
	prefix := service + "/" + string(q.Prefix)
	from := max(prefix, service+"/"+string(q.After))
	i, found := slices.BinarySearch(d.sorted, from)
	if found && len(q.After) > 0 && from == service+"/"+string(q.After) {
		i++
	}
	reply := bus.DatabaseReply{Position: d.position()}
	bytes := 0
	for ; i < len(d.sorted) && strings.HasPrefix(d.sorted[i], prefix); i++ {
		item := d.items[d.sorted[i]]
		if len(reply.Items) == limit || (bytes > 0 && bytes+len(item.value) > maxScanBytes) {
			reply.More = true
			break
		}
		bytes += len(item.value)
		key := strings.TrimPrefix(d.sorted[i], service+"/")
		reply.Items = append(reply.Items, bus.Item{Key: []byte(key), Value: item.value, Revision: item.revision})
	}
	return reply
}

// request returns the request of a call's ticket, zero without one.
func request(q bus.DatabaseCall, service string) (ticket.Ticket, error) {
	text := q.Ticket()
	if text == "" {
		return ticket.Ticket{}, nil
	}
	return tickets().Read(service, text)
}

// executed returns the reply for an id that needs no execution: its recorded answer, that it is another request's, or
// that it is too old.
func (d *Database) executed(asked ticket.Ticket) (bus.DatabaseReply, bool) {
	id := asked.ID
	if id == (bus.RequestID{}) {
		return bus.DatabaseReply{}, false
	}
	if known, ok := d.answers[id]; ok {
		if known.digest != asked.Digest {
			return bus.DatabaseReply{Recorded: &bus.Reply{Code: bus.CodeConflict, Message: "used before for another request"}}, true
		}
		reply := known.reply
		reply.Proof = tickets().Prove(asked, reply.Position)
		return bus.DatabaseReply{Position: reply.Position, Recorded: &reply}, true
	}
	if id.Counter != 0 && id.Counter < d.oldest[id.Terminal] {
		return bus.DatabaseReply{Code: bus.CodeTooOld, Message: "older than the remembered requests of its terminal"}, true
	}
	return bus.DatabaseReply{}, false
}

func replySize(r bus.DatabaseReply) int {
	n := 64
	for _, item := range r.Items {
		n += len(item.Key) + len(item.Value) + 16
	}
	return n
}
