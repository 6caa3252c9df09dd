package tills

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/ledger"
	"github.com/hotpair/hotpair/services/pace"
)

// Terminal is a terminal with applications.
type Terminal struct {
	ID     string
	Dialer interface { // from the terminal's machine
		nats.CustomDialer
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
	Apps, HTTP string // host:port of the agent's doors
}

// Config describes the tills.
type Config struct {
	Name      string // prefix of all keys and accounts; must be new in the pair
	Seed      uint64
	Terminals []Terminal
	Lanes     int           // of each terminal; 0 is 2, one over NATS and one over HTTP
	Pause     time.Duration // between two orders of a lane, about; 0 is 100 ms
}

// Span is an interval of time.
type Span struct{ From, To time.Time }

// has reports whether a moment is in it.
func (s Span) has(at time.Time) bool { return !at.Before(s.From) && at.Before(s.To) }

// Tills are the applications of all terminals.
type Tills struct {
	config  Config
	tills   []*till
	working atomic.Bool
	cancel  context.CancelFunc // of everything
	drivers sync.WaitGroup
	streams sync.WaitGroup
}

const (
	// openWithin is how long it may take to open the accounts: the pair is whole then.
	openWithin = time.Minute
	// settleWithin bounds the time until an order is accepted after all faults were healed.
	settleWithin = time.Minute
)

// Start opens the accounts and starts the applications.
func Start(ctx context.Context, c Config) (*Tills, error) {
	if c.Lanes == 0 {
		c.Lanes = 2
	}
	if c.Pause == 0 {
		c.Pause = 100 * time.Millisecond
	}
	w := &Tills{config: c}
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.working.Store(true)
	for _, terminal := range c.Terminals {
		t, err := w.open(ctx, terminal)
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		if err := t.openAccounts(ctx); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	for i, t := range w.tills {
		for lane := range c.Lanes {
			random := rand.New(rand.NewPCG(c.Seed, uint64(i*c.Lanes+lane)))
			w.drivers.Go(func() { t.drive(ctx, w.working.Load, lane, c.Pause, random) })
		}
	}
	return w, nil
}

// open connects the applications of a terminal.
func (w *Tills) open(ctx context.Context, terminal Terminal) (*till, error) {
	t := &till{Terminal: terminal, name: w.config.Name + "/" + terminal.ID, orders: make([][]order, w.config.Lanes)}
	w.tills = append(w.tills, t)
	for lane := range w.config.Lanes {
		if lane%2 == 1 {
			t.lanes = append(t.lanes, newHTTP(terminal))
			continue
		}
		d, err := dial(t.account(lane), terminal)
		if err != nil {
			return nil, err
		}
		t.lanes = append(t.lanes, d)
	}
	heard, err := dial(t.name, terminal)
	if err != nil {
		return nil, err
	}
	streamed := newHTTP(terminal)
	t.closing = []func(){heard.close, streamed.close}
	t.hears = []*listener{newListener("NATS"), newListener("HTTP")}
	w.streams.Go(func() { t.hears[1].stream(ctx, streamed) })
	return t, t.hears[0].subscribe(heard)
}

// openAccounts opens those of a terminal.
func (t *till) openAccounts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	accounts := map[string]int64{t.safe(): 0}
	for lane := range t.lanes {
		accounts[t.account(lane)] = opening
	}
	for account, balance := range accounts {
		id := time.Now().UTC().Format(time.RFC3339Nano) + "/" + account
		for {
			r, err := t.lanes[0].ask(ctx, question{service: ledger.Name, operation: "open", body: ledger.Account{Account: account, Balance: balance},
				header: map[string]string{bus.HeaderRequestID: id, bus.HeaderDeadline: lookWithin.String()}})
			if err == nil && r.code == bus.CodeOK {
				break
			}
			if pace.Rest(ctx, again) != nil {
				return fmt.Errorf("open account %s: %d %s: %w", account, r.code, r.message, errors.Join(err, ctx.Err()))
			}
		}
	}
	return nil
}

// Cut records that the network of a terminal is down for a time: requests queued then can't be executed before its
// end.
func (w *Tills) Cut(terminal string, span Span) {
	for _, t := range w.tills {
		if t.ID == terminal {
			t.mu.Lock()
			t.cut = append(t.cut, span)
			t.mu.Unlock()
		}
	}
}

// Accepted counts the accepted orders of one terminal.
func (w *Tills) Accepted(terminal string) (n int) {
	for _, t := range w.tills {
		if t.ID != terminal {
			continue
		}
		t.mu.Lock()
		for _, lane := range t.orders {
			n += len(lane)
		}
		t.mu.Unlock()
	}
	return n
}

// Heard counts the requests of a terminal whose outcome a listener has received.
func (w *Tills) Heard(terminal string) (n int) {
	for _, t := range w.tills {
		if t.ID == terminal {
			for _, l := range t.hears {
				n = max(n, l.heard())
			}
		}
	}
	return n
}

// Close ends the applications without judging. It may be called again.
func (w *Tills) Close() error {
	w.working.Store(false)
	w.cancel()
	w.drivers.Wait()
	w.streams.Wait()
	for _, t := range w.tills {
		t.close()
	}
	return nil
}

// rest ends the work, and waits until each order is accepted that was begun.
func (w *Tills) rest() {
	w.working.Store(false)
	end := time.AfterFunc(settleWithin, w.cancel)
	w.drivers.Wait()
	end.Stop()
}
