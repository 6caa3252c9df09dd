// Package load runs applications at terminals, records all their answers, and judges them: linearizability of kv by
// porcupine, nothing acknowledged lost, nothing doubled, no stale answer, no money created.
//
// They are plain NATS clients. The caller connects them to a terminal's agent, so that the same load works in a lab
// of real processes and in a world within one process.
//
//	l, err := load.Start(ctx, load.Config{Name: "r1", Seed: seed, Terminals: 3, Connect: connect, Dir: dir})
//	… faults, healing …
//	verdict, err := l.Finish(ctx)
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/simulator/accounting"
)

const (
	// keysOfRound are few, so that clients meet on them and each is used on both sides of every takeover.
	keysOfRound = 4
	// kvClients work on those keys. Every second one is patient: it has its own ids and repeats a call until its
	// outcome is known. The others send once and leave the outcome open.
	kvClients = 6
	// counters are clients that write a new key each time, ledgers are clients that move money.
	counters, ledgers = 2, 2
	// readers only read those few keys, so that there are reads even where every write waits: without a right to answer.
	readers = 2
	// halls are clients that reserve seats for a moment: timers must run exactly once.
	halls = 1
	// Clients is the number of applications of a load, and so of concurrent calls.
	Clients = kvClients + counters + ledgers + halls + readers
	// accounts are those of one load, each opened with the same balance.
	accounts, opening = 4, 1000

	patientDeadline   = 5 * time.Second
	impatientDeadline = 1500 * time.Millisecond
	// thinking is the default of Config.Thinking: the load must leave processor time for the faults.
	thinking = 12 * time.Millisecond
	// settleWithin is how long a call may take after its round to become definite.
	settleWithin = 30 * time.Second
)

// Findings are contradictions between acknowledgements and later observations, each a sentence.
type Findings struct {
	Lost, Doubled, Stale, Wrong []string
}

// Bad reports whether there are any.
func (f *Findings) Bad() bool {
	return len(f.Lost)+len(f.Doubled)+len(f.Stale)+len(f.Wrong) > 0
}

// All lists them, with their kind.
func (f *Findings) All() []string {
	var all []string
	for _, kind := range []struct {
		name string
		list []string
	}{{"lost", f.Lost}, {"doubled", f.Doubled}, {"stale", f.Stale}, {"wrong", f.Wrong}} {
		for _, text := range kind.list {
			all = append(all, kind.name+": "+text)
		}
	}
	return all
}

// Add adds others.
func (f *Findings) Add(g Findings) {
	f.Lost, f.Doubled = append(f.Lost, g.Lost...), append(f.Doubled, g.Doubled...)
	f.Stale, f.Wrong = append(f.Stale, g.Stale...), append(f.Wrong, g.Wrong...)
}

// Load is applications at all terminals that work until Finish, and record all answers.
type Load struct {
	config Config

	working  atomic.Bool
	settling context.Context // ends the calls that have not become definite
	cancel   context.CancelFunc
	workers  sync.WaitGroup
	clients  []*client
	office   *accounting.Office // nil: there is none
	calls    atomic.Int64

	history history

	mu           sync.Mutex
	uniques      []unique
	reservations []reservation
	balances     map[string]int64 // balance of each account by acknowledged transfers
	doubt        bool             // the outcome of a transfer is unknown: balances prove nothing
	totals       int
	failed       int // see Verdict
	findings     Findings
}

// unique is an acknowledged write of a key that is written once.
type unique struct {
	key      string
	value    int
	revision uint64
}

// Config configures a load.
type Config struct {
	// Name begins all its keys, accounts and ids; it must be new in the pair.
	Name string
	// Seed of all random choices.
	Seed uint64
	// Terminals is their number; Connect connects an application to the agent of one, counted from 0.
	Terminals int
	Connect   func(application string, terminal int) (*nats.Conn, error)
	// Thinking is the longest pause of a client between two calls; 0 is 12 ms.
	Thinking time.Duration
	// Accounting opens the accounting for seats whose names begin with a prefix, and makes it a target of the pair;
	// nil: there is none. The load closes it.
	Accounting func(ctx context.Context, prefix string) (*accounting.Office, error)
	// Dir gets a picture of a history that is not linearizable.
	Dir string
}

// Start opens the ledger's accounts and starts the applications.
func Start(ctx context.Context, config Config) (*Load, error) {
	if config.Thinking == 0 {
		config.Thinking = thinking
	}
	name, seed := config.Name, config.Seed
	w := &Load{config: config, history: history{began: time.Now()}, balances: map[string]int64{}}
	w.settling, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.working.Store(true)
	for i := range Clients {
		deadline := patientDeadline
		if i < kvClients && i%2 == 1 || i >= Clients-readers {
			deadline = impatientDeadline
		}
		own := fmt.Sprintf("%s-%d", name, i)
		conn, err := config.Connect(own, i%config.Terminals)
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.clients = append(w.clients, &client{name: own, conn: conn, deadline: deadline, calls: &w.calls})
	}
	opener := w.clients[kvClients+counters]
	for i := range accounts {
		account := fmt.Sprintf("%s-%d", name, i)
		ctx, cancel := context.WithTimeout(ctx, settleWithin)
		a := opener.do(ctx, request{service: "ledger", operation: "open", body: map[string]any{"account": account, "balance": opening}, id: opener.newID()})
		cancel()
		if a.outcome != definite || a.code != bus.CodeOK {
			return nil, errors.Join(fmt.Errorf("open account %s: %d %s", account, a.code, a.message), w.Close())
		}
		w.balances[account] = opening
	}
	if err := w.openAccounting(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	for i, c := range w.clients {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		w.workers.Go(func() {
			switch {
			case i < kvClients:
				w.driveKV(i, c, random)
			case i < kvClients+counters:
				w.driveUnique(c, random)
			case i >= Clients-readers:
				w.driveReader(i, c, random)
			case i >= Clients-readers-halls:
				w.driveHall(c, random)
			default:
				w.driveLedger(c, random)
			}
		})
	}
	return w, nil
}

func (w *Load) think(random *rand.Rand) {
	time.Sleep(time.Duration(random.Int64N(int64(w.config.Thinking))))
}

// Calls counts attempts so far.
func (w *Load) Calls() int64 { return w.calls.Load() }

// Acknowledged counts the definite answers of kv clients and counters so far.
func (w *Load) Acknowledged() int {
	w.mu.Lock()
	n := len(w.uniques)
	w.mu.Unlock()
	w.history.mu.Lock()
	defer w.history.mu.Unlock()
	return n + len(w.history.operations)
}

// driveKV is one closed-loop client on the few keys.
func (w *Load) driveKV(index int, c *client, random *rand.Rand) {
	patient := index%2 == 0
	known := map[string]uint64{} // last revision seen
	person, value := index, index
	for ; w.working.Load(); w.think(random) {
		in := asked{operation: opGet, key: fmt.Sprintf("%s-k%d", w.config.Name, random.IntN(keysOfRound))}
		switch n := random.IntN(10); {
		case n < 3:
			in.operation = opPut
		case n < 5:
			in.operation = opCAS
		case n < 6:
			in.operation = opDelete
		}
		body := map[string]any{"key": in.key}
		if in.operation == opPut || in.operation == opCAS {
			value += kvClients
			in.value = value
			body["value"] = value
		}
		if in.operation == opCAS {
			in.revision = known[in.key]
			body["revision"] = in.revision
		}
		r := request{service: "kv", operation: in.operation, body: body}
		if in.operation == opGet {
			r.reads = patient
		} else if patient {
			r.id = c.newID()
		}
		called := w.history.now()
		a := c.do(w.settling, r)
		w.settled(r, a)
		out, record := w.outcomeOf(in, a)
		if !record {
			continue
		}
		w.history.add(person, in, out, called)
		if out.unknown {
			person += 1000 // its open call lasts; the client continues as another one
			continue
		}
		if out.code == bus.CodeOK {
			known[in.key] = out.revision
			if in.operation == opDelete {
				known[in.key] = 0
			}
		}
		if out.code == bus.CodeAbsent {
			known[in.key] = 0
		}
	}
}

// driveReader reads the few keys, each time once.
func (w *Load) driveReader(index int, c *client, random *rand.Rand) {
	for ; w.working.Load(); w.think(random) {
		in := asked{operation: opGet, key: fmt.Sprintf("%s-k%d", w.config.Name, random.IntN(keysOfRound))}
		called := w.history.now()
		a := c.do(w.settling, request{service: "kv", operation: in.operation, body: map[string]any{"key": in.key}})
		if out, record := w.outcomeOf(in, a); record {
			w.history.add(index, in, out, called)
		}
	}
}

// outcomeOf parses an answer of kv. A call that never took effect, and an unanswered read, says nothing.
func (w *Load) outcomeOf(in asked, a answer) (got, bool) {
	switch {
	case a.outcome == never, a.outcome == unknown && in.operation == opGet:
		return got{}, false
	case a.outcome == unknown:
		return got{unknown: true}, true
	case a.code != bus.CodeOK && a.code != bus.CodeConflict && a.code != bus.CodeAbsent:
		w.wrong("%s: %d %s", describeOperation(in, got{unknown: true}), a.code, a.message)
		return got{}, false
	case a.code != bus.CodeOK:
		return got{code: a.code}, true
	case in.operation != opGet:
		return got{revision: a.position.Sequence, epoch: a.position.Epoch}, true
	}
	var body struct {
		Value    int    `json:"value"`
		Revision uint64 `json:"revision"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil {
		w.wrong("%s: %s", in.operation, a.body)
		return got{}, false
	}
	return got{value: body.Value, revision: body.Revision}, true
}

// settled counts a request with an id that still has no answer.
func (w *Load) settled(r request, a answer) {
	if r.id != "" && a.outcome != definite {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failed++
	}
}

func (w *Load) wrong(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.findings.Wrong = append(w.findings.Wrong, fmt.Sprintf(format, a...))
}

// driveUnique writes a new key each time.
func (w *Load) driveUnique(c *client, random *rand.Rand) {
	for n := 0; w.working.Load(); n++ {
		u := unique{key: fmt.Sprintf("%s-u-%s-%d", w.config.Name, c.name, n), value: n}
		r := request{service: "kv", operation: opPut, body: map[string]any{"key": u.key, "value": u.value}, id: c.newID()}
		a := c.do(w.settling, r)
		w.settled(r, a)
		switch {
		case a.outcome != definite:
		case a.code != bus.CodeOK:
			w.wrong("put %s: %d %s", u.key, a.code, a.message)
		default:
			u.revision = a.position.Sequence
			w.mu.Lock()
			w.uniques = append(w.uniques, u)
			w.mu.Unlock()
		}
		w.think(random)
	}
}

// Close ends the applications without judging anything. It may be called again.
func (w *Load) Close() error {
	w.working.Store(false)
	w.cancel()
	w.workers.Wait()
	for _, c := range w.clients {
		c.close()
	}
	if w.office != nil {
		return w.office.Close()
	}
	return nil
}

// rest ends the work and waits until every call has become definite, or is given up.
func (w *Load) rest() {
	w.working.Store(false)
	end := time.AfterFunc(settleWithin, w.cancel)
	w.workers.Wait()
	end.Stop()
}
