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
	// mostBoards bounds the terminals whose boards are watched: each is a count for each seat.
	mostBoards = 16
	// boardEvery is how often a board reads on, often enough that nothing is trimmed before.
	boardEvery = 500 * time.Millisecond
	// tellWithin bounds a question to a host or to a terminal.
	tellWithin = 10 * time.Second
)

// told is who is told of the seats that a run sells: boards at terminals, and accounting outside.
type told struct {
	hall    *hall
	office  *accounting.Office
	boards  []*board
	reading sync.WaitGroup
}

// board is that of one terminal.
type board struct {
	client *client
	name   string
	seats  *boards.Board
	wrong  error
}

// SeatsVerdict is what a run of tickets proved beside the others.
type SeatsVerdict struct {
	Sold      int  `json:"sold"`
	Released  int  `json:"released"`  // reservations that ended by themselves, each once
	Given     int  `json:"given"`     // reservations that were given back
	Wanted    int  `json:"wanted"`    // seats that more than one customer wanted
	Boards    int  `json:"boards"`    // that were told of each once
	Notices   int  `json:"notices"`   // that they were told
	Emissions int  `json:"emissions"` // that accounting took, each once and in order for each seat
	Posts     int  `json:"posts"`     // in which it was told
	Deferred  bool `json:"held"`      // emissions wait for an operator to release them
}

// String is what the verdict says of it.
func (v *SeatsVerdict) String() string {
	return fmt.Sprintf("%d seats sold, %d of them wanted by several, %d reservations ended by themselves and %d given back; %d boards were told of each once (%d notices), accounting of each once and in order (%d emissions in %d posts)",
		v.Sold, v.Wanted, v.Released, v.Given, v.Boards, v.Notices, v.Emissions, v.Posts)
}

// openTickets begins to watch boards, and has accounting told.
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

// account has tickets tell a target, "" nobody.
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

// watchBoards has boards read on until ctx ends.
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

// closeTickets has nobody told any more.
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
		r.tell(fmt.Sprintf("target %s is still there: hotpair targets shows it: %v", accounting.Target, err))
	}
	_ = r.told.office.Close() // nothing is lost with it
}

// outcome is what became of a seat, as it was read back.
type outcome struct {
	seat                  string
	sold, released, given int
}

// judgeSeats reads all seats back, once their reservations have ended, and holds against them what boards and accounting were told. It gives
// how many seats it read, and how many it could not.
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

// readSeats reads all seats of which every outcome is known.
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

// readSeat looks at a seat until it is as it will stay, or ctx ends.
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
			r.wrongs.add(missing, "the reservation of seat %s has not ended by itself: it is %s until %v", name, got.State, got.Until)
			return o, false
		}
	}
}

// judgeBoards waits until boards were told of everything.
func (r *run) judgeBoards(ctx context.Context, list []outcome, v *SeatsVerdict) (unread int) {
	for _, b := range r.told.boards {
		var less, more string
		for {
			b.read(ctx)
			if less, more = compareBoard(b.seats, list); less == "" || b.wrong != nil || b.seats.Gap || b.seats.Trimmed || ctx.Err() != nil {
				break
			}
			_ = pace.Rest(ctx, again) // then it is looked at once more
		}
		v.Notices += b.seats.Notices
		switch {
		case b.wrong != nil:
			r.wrongs.add(wrong, "terminal %s was %v", b.name, b.wrong)
		case more != "":
			r.wrongs.add(doubled, "terminal %s was told more often of %s", b.name, more)
		case b.seats.Gap:
			r.wrongs.add(missing, "terminal %s was told that it misses notices", b.name)
		case b.seats.Trimmed:
			unread++
			r.wrongs.note("terminal %s did not keep what it was told until it was read", b.name)
		case less != "":
			r.wrongs.add(missing, "terminal %s was told less often of %s", b.name, less)
		default:
			v.Boards++
		}
	}
	return unread
}

// compareBoard names the first seat of which a board was told too seldom, and the first of which it was too often.
func compareBoard(b *boards.Board, list []outcome) (less, more string) {
	for _, o := range list {
		for _, told := range []struct {
			what      string
			got, want int
		}{{"sold", b.Sold[o.seat], o.sold}, {"released", b.Released[o.seat], o.released}} {
			if told.got == told.want {
				continue
			}
			text := fmt.Sprintf("seat %s that it is %s: %d times instead of %d", o.seat, told.what, told.got, told.want)
			if told.got < told.want && less == "" {
				less = text
			}
			if told.got > told.want && more == "" {
				more = text
			}
		}
	}
	return less, more
}

// judgeAccounting waits until accounting was told of everything.
func (r *run) judgeAccounting(ctx context.Context, list []outcome, v *SeatsVerdict) (unread int) {
	var less, more []string
	for {
		less, more = r.compareAccounting(list)
		if len(less) == 0 || ctx.Err() != nil {
			break
		}
		if v.Deferred = r.deferred(ctx); v.Deferred {
			break
		}
		_ = pace.Rest(ctx, 10*again) // then it is looked at once more
	}
	counts := r.told.office.Counts()
	v.Emissions, v.Posts = counts.Taken, counts.Posts
	for _, text := range more {
		r.wrongs.add(doubled, "accounting was told more often of %s", text)
	}
	for _, text := range less {
		if v.Deferred {
			unread++
		} else {
			r.wrongs.add(missing, "accounting was told less often of %s", text)
		}
	}
	wrongs, _ := r.told.office.Wrong()
	for _, text := range wrongs {
		r.wrongs.add(wrong, "%s", text)
	}
	return unread
}

func (r *run) compareAccounting(list []outcome) (less, more []string) {
	for _, o := range list {
		got, free := r.told.office.Seat(o.seat), o.released+o.given
		if !got.Late && got.Free == free && got.Sold == o.sold {
			continue
		}
		text := fmt.Sprintf("seat %s: free %d times and sold %d times, instead of %d and %d", o.seat, got.Free, got.Sold, free, o.sold)
		if got.Late {
			more = append(more, text+", and of something after it was sold")
			continue
		}
		if got.Free < free || got.Sold < o.sold {
			less = append(less, text)
		}
		if got.Free > free || got.Sold > o.sold {
			more = append(more, text)
		}
	}
	return less, more
}

// held asks whether emissions wait until an operator releases them. Who does not answer says no.
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

// finally judges a seat when its client has ended: final is false while it is reserved yet.
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
