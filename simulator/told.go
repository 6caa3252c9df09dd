package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/accounting"
	"github.com/hotpair/hotpair/simulator/boards"
)

const (
	// mostBoards bounds the watched boards: each counts every seat.
	mostBoards = 16
	// boardEvery is how often a board reads on, often enough to come before truncation.
	boardEvery = 500 * time.Millisecond
	// tellWithin bounds a call to a host or a terminal.
	tellWithin = 10 * time.Second
)

// told are the receivers of a run's seats: boards at terminals, and accounting outside.
type told struct {
	hall    *hall
	office  *accounting.Office
	boards  []*board
	reading sync.WaitGroup
}

// board is the board of one terminal.
type board struct {
	client *client
	name   string
	seats  *boards.Board
	wrong  error
}

// SeatsVerdict is the additional result of a run of tickets.
type SeatsVerdict struct {
	Sold      int  `json:"sold"`
	Released  int  `json:"released"`  // reservations that expired, each once
	Given     int  `json:"given"`     // reservations that were given back
	Wanted    int  `json:"wanted"`    // seats that more than one customer requested
	Boards    int  `json:"boards"`    // that were told of each once
	Notices   int  `json:"notices"`   // that they got
	Emissions int  `json:"emissions"` // that accounting received, each once and in order for each seat
	Posts     int  `json:"posts"`     // that carried them
	Deferred  bool `json:"held"`      // emissions wait for an operator to release them
}

// String describes it in the verdict.
func (v *SeatsVerdict) String() string {
	return fmt.Sprintf("%d seats sold, %d of them requested by several, %d reservations expired and %d given back; %d boards were told of each once (%d notices), accounting of each once and in order (%d emissions in %d posts)",
		v.Sold, v.Wanted, v.Released, v.Given, v.Boards, v.Notices, v.Emissions, v.Posts)
}

// openTickets begins to watch boards, and makes accounting a target.
func (r *run) openTickets(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("%w: accounting: %w", ErrOption, err)
	}
	if r.told.office, err = accounting.Open(listener, accounting.Options{Host: "127.0.0.1", Prefix: r.prefix()}); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := r.atHosts(ctx, r.told.office.Announce); err != nil {
		return fmt.Errorf("make accounting a target of the pair: %w", err)
	}
	if err := r.account(ctx, accounting.Target); err != nil {
		return err
	}
	for i := range min(len(r.actors), len(r.options.Terminals), mostBoards) {
		b := &board{client: r.actors[i].client, name: r.options.Terminals[i].ID, seats: boards.New(r.prefix())}
		if err := b.seats.FromNow(ctx, b.client.conn); err != nil {
			return fmt.Errorf("%w: what %s was told: %w", ErrNoTerminal, b.name, err)
		}
		r.told.boards = append(r.told.boards, b)
	}
	return nil
}

// prefix begins the names of all seats of the run.
func (r *run) prefix() string { return "sim-" + r.name + "-" }

// account sets the target of tickets, "" for none.
func (r *run) account(ctx context.Context, target string) error {
	own := &ids{run: r.name + "-account" + target, now: time.Now}
	c := call{service: tickets.Name, operation: "account", body: encode(tickets.Account{Target: target}), id: own.next()}
	answer, err := r.actors[0].client.do(ctx, c, false)
	if err == nil && !answer.ok() {
		err = fmt.Errorf("%w: %s: %s", ErrNoTerminal, c, answer)
	}
	return err
}

// atHosts asks hosts in turn until one has answered, or ctx ends.
func (r *run) atHosts(ctx context.Context, ask func(context.Context, *operator.Client) error) error {
	for {
		var failed []error
		for _, host := range r.options.Hosts {
			asking, cancel := context.WithTimeout(ctx, tellWithin)
			err := ask(asking, host)
			cancel()
			if err == nil {
				return nil
			}
			failed = append(failed, err)
		}
		if pace.Rest(ctx, again) != nil {
			return errors.Join(failed...)
		}
	}
}

// watchBoards reads the boards until ctx ends.
func (r *run) watchBoards(ctx context.Context) {
	for _, b := range r.told.boards {
		r.told.reading.Go(func() {
			tick := time.NewTicker(boardEvery)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					b.read(ctx)
				case <-ctx.Done():
					return
				}
			}
		})
	}
}

// read reads on. A terminal that does not answer is asked again.
func (b *board) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	if err := b.seats.Read(ctx, b.client.conn); errors.Is(err, boards.ErrWrong) && b.wrong == nil {
		b.wrong = err
	}
}

// closeTickets removes boards and target.
func (r *run) closeTickets(ctx context.Context) {
	if r.told.office == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
	defer cancel()
	err := r.account(ctx, "")
	if err == nil {
		err = r.atHosts(ctx, func(ctx context.Context, host *operator.Client) error {
			_, err := operator.CallRemoveTarget.Ask(ctx, host, waybill.RemoveTarget{Name: accounting.Target})
			return err
		})
	}
	if err != nil {
		r.tell(fmt.Sprintf("target %s still exists, see hotpair targets: %v", accounting.Target, err))
	}
	_ = r.told.office.Close() // nothing is lost with it
}

// outcome is the final state of a seat, as read back.
type outcome struct {
	seat                  string
	sold, released, given int
}

// judgeSeats reads all seats back, once their reservations have ended, and compares them with the notices and
// emissions. It returns how many seats it could read, and how many not.
func (r *run) judgeSeats(ctx context.Context, v *Verdict) (read, unread int) {
	v.Seats = &SeatsVerdict{}
	list, unread := r.readSeats(ctx)
	for _, o := range list {
		v.Seats.Sold += o.sold
		v.Seats.Released += o.released
		v.Seats.Given += o.given
	}
	for _, s := range r.told.hall.seats {
		if s.buyer != "" && s.refused > 0 {
			v.Seats.Wanted++
		}
	}
	unread += r.judgeBoards(ctx, list, v.Seats)
	unread += r.judgeAccounting(ctx, list, v.Seats)
	return len(list), unread
}

// readSeats reads all seats whose outcomes are known.
func (r *run) readSeats(ctx context.Context) (list []outcome, unread int) {
	var mu sync.Mutex
	var work errgroup.Group
	work.SetLimit(readers)
	all := len(r.told.hall.seats)
	for _, a := range r.actors {
		for _, s := range a.scripts {
			all += len(s.(*booth).seats)
		}
	}
	one, done := r.asking("seats", all)
	defer done()
	look := func(through *client, name string, judge func(tickets.Seat) (outcome, bool)) {
		work.Go(func() error {
			o, ok := r.readSeat(ctx, through, name, judge)
			one()
			mu.Lock()
			defer mu.Unlock()
			if o.seat = name; ok {
				list = append(list, o)
			} else {
				unread++
			}
			return nil
		})
	}
	for i, a := range r.actors {
		through := r.actors[(i+1)%len(r.actors)].client
		for _, script := range a.scripts {
			b := script.(*booth)
			for _, s := range b.seats {
				if !s.doubt {
					look(through, s.name, func(got tickets.Seat) (outcome, bool) { return b.finally(s, got) })
				}
			}
		}
	}
	for i, s := range r.told.hall.seats {
		look(r.actors[i%len(r.actors)].client, s.name, func(got tickets.Seat) (o outcome, final bool) {
			if s.judge(got, r.wrongs) {
				o.sold = 1
			}
			return o, true
		})
	}
	_ = work.Wait() // no look returns an error
	return list, unread
}

// readSeat reads a seat until its state is final, or ctx ends.
func (r *run) readSeat(ctx context.Context, through *client, name string, judge func(tickets.Seat) (outcome, bool)) (o outcome, ok bool) {
	for {
		a, err := through.do(ctx, lookCall(name), false)
		if err != nil || !a.ok() {
			return o, false
		}
		var got tickets.Seat
		if err := a.decode(&got); err != nil {
			r.wrongs.add(wrong, "seat %s: %v", name, err)
			return o, false
		}
		if o, ok = judge(got); ok {
			return o, true
		}
		if pace.Rest(ctx, 10*again) != nil {
			r.wrongs.add(missing, "the reservation of seat %s did not expire: it is %s until %v", name, got.State, got.Until)
			return o, false
		}
	}
}

// deferred asks whether emissions wait for an operator to release them. No answer means no.
func (r *run) deferred(ctx context.Context) (deferred bool) {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	for _, host := range r.options.Hosts {
		if got, err := operator.CallEmissions.Ask(ctx, host, waybill.ListEmissions{Limit: 1}); err == nil {
			return got.Deferred
		}
	}
	return false
}

// finally judges a seat when its client has ended: final is false while it is still reserved.
func (b *booth) finally(s *seat, got tickets.Seat) (o outcome, final bool) {
	if s.state == tickets.Reserved && got.State == tickets.Reserved && got.Customer == b.name {
		return o, false
	}
	if s.state == tickets.Reserved && got.State == tickets.Free {
		b.ended(s)
	}
	if got.State != s.state || s.state == tickets.Sold && got.Customer != b.name {
		b.wrongs.add(missing, "seat %s is %s by %q, and was last %s by %q", s.name, got.State, got.Customer, s.state, b.name)
	}
	b.compare(s, got, missing)
	o.released, o.given = got.Released, s.given
	if got.State == tickets.Sold {
		o.sold = 1
	}
	return o, true
}
