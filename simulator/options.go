package simulator

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/operator"
)

var (
	// ErrOption says that an option has an invalid value.
	ErrOption = errors.New("wrong option")
	// ErrVerdict says that something acknowledged was missing or wrong, or that nothing was done or checked.
	ErrVerdict = errors.New("the verdict is FAILED")
	// ErrNoTerminal says that a terminal could not be reached at the start.
	ErrNoTerminal = errors.New("no terminal reached")
)

// Workloads.
const (
	KV     = "kv"     // put, cas, get and delete of keys, each client its own
	Ledger = "ledger" // transfers, balances, totals
	Mixed  = "mixed"  // both, each client some of each
	Put    = "put"    // kv.put only, without ids of the application: for comparing rates
	// Tickets sells seats: reservations that expire, boards at the terminals, an accounting outside the pair. One run
	// at a time, since a pair has one accounting.
	Tickets = "tickets"
)

// Workloads lists them.
func Workloads() []string { return []string{KV, Ledger, Mixed, Put, Tickets} }

// Terminal is where applications of one terminal connect.
type Terminal struct {
	ID      string
	Address string // nats://host:port
}

// Options configures a run.
type Options struct {
	Terminals []Terminal
	Hosts     []*operator.Client // of the pair; for Tickets, which becomes a target
	Clients   int                // total, spread over the terminals; 0 for one per terminal
	Duration  time.Duration      // 0: until the context ends
	Workload  string             // of Workloads
	Rate      int                // total operations per second; 0: as fast as answers arrive
	Seed      uint64             // seed of the clients; the order in which the pair gets requests still varies
	Deadline  time.Duration      // of a request; 0 is 10 s
	Settle    time.Duration      // time after the run to settle outcomes and read everything back; 0 is 90 s
	Queue     bool               // writes with ids are queued at their terminal, each client's in its own lane
	Alone     bool               // no other run opens accounts, so the ledger's total must not change
	Threshold time.Duration      // shortest gap that is listed; 0 is 20 ms
	Progress  io.Writer          // where the live line goes; nil: nowhere
	Live      bool               // Progress is a screen on which a line can be overwritten
}

// mostClients bounds what one process can drive without measuring its own work.
const mostClients = 10000

func (o Options) withDefaults() (Options, error) {
	if o.Clients == 0 {
		o.Clients = len(o.Terminals)
	}
	if o.Workload == "" {
		o.Workload = Mixed
	}
	if o.Deadline == 0 {
		o.Deadline = 10 * time.Second
	}
	if o.Settle == 0 {
		o.Settle = 90 * time.Second
	}
	if o.Threshold == 0 {
		o.Threshold = 20 * time.Millisecond
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	switch {
	case len(o.Terminals) == 0:
		return o, fmt.Errorf("%w: no terminals", ErrOption)
	case o.Workload == Tickets && len(o.Hosts) == 0:
		return o, fmt.Errorf("%w: --workload %s needs to know the hosts of the pair, because its accounting is a target of the pair", ErrOption, o.Workload)
	case o.Queue && o.Workload == Put:
		return o, fmt.Errorf("%w: --queue: requests of the workload %s have no ids, so they can't be queued; give another workload", ErrOption, o.Workload)
	case o.Clients < 1 || o.Clients > mostClients:
		return o, fmt.Errorf("%w: --clients %d: give 1 to %d", ErrOption, o.Clients, mostClients)
	case o.Duration < 0:
		return o, fmt.Errorf("%w: --duration %s: give a positive one, or 0 to run until interrupted", ErrOption, o.Duration)
	case o.Rate < 0:
		return o, fmt.Errorf("%w: --rate %d: give operations a second, or 0 for as fast as answers come", ErrOption, o.Rate)
	case !slices.Contains(Workloads(), o.Workload):
		return o, fmt.Errorf("%w: --workload %q: give %s", ErrOption, o.Workload, strings.Join(Workloads(), ", "))
	}
	return o, nil
}
