// Command left measures what services leave to be done: how soon another terminal is told, how soon a thousand are, and what many timers that
// are due at once cost the requests beside them.
//
//	go run ./simulator/bench/left -binary ./hotpair -keep simulator/bench/results
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// options of a run.
type options struct {
	notices, many, each int
	timers, clients     int
	within              time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.notices, "notices", 1000, "seats sold one after the other, each with a notice to another terminal; 0 skips this")
	flag.IntVar(&o.many, "terminals", 1000, "terminals that get a notice at once; 0 skips this")
	flag.IntVar(&o.each, "trials", 20, "how often they get one")
	flag.DurationVar(&o.within, "within", time.Minute, "time limit: trials that would begin later are skipped")
	flag.IntVar(&o.timers, "timers", 10_000, "timers that are due at once; 0 skips this")
	flag.IntVar(&o.clients, "clients", 8, "closed-loop writers meanwhile")
	subject.Measure("left", func() map[string]string {
		return map[string]string{"notices": strconv.Itoa(o.notices), "terminals": strconv.Itoa(o.many), "trials": strconv.Itoa(o.each), "within": o.within.String(),
			"timers": strconv.Itoa(o.timers), "clients": strconv.Itoa(o.clients)}
	}, o.measure)
}

func (o *options) measure(ctx context.Context, binary string, r *result.Result) error {
	if o.notices > 0 || o.timers > 0 {
		if err := inHall(ctx, binary, 8, func(h *hall) error { return few(ctx, r, o, h) }); err != nil {
			return err
		}
	}
	if o.many == 0 {
		return nil
	}
	return inHall(ctx, binary, o.many, func(h *hall) error { return many(ctx, r, o, h) })
}

// hall is a pair that sells seats, with an application at each terminal that hears what is told.
type hall struct {
	cluster *subject.Cluster
	apps    []*nats.Conn

	mu       sync.Mutex
	heard    map[string][]time.Time // when each has heard of a seat
	all      chan string            // a seat that all have heard of
	released atomic.Int64
}

func inHall(ctx context.Context, binary string, terminals int, measure func(*hall) error) (err error) {
	h := &hall{heard: map[string][]time.Time{}, all: make(chan string, 1024)}
	if h.cluster, err = subject.Start(ctx, binary, terminals, "HOTPAIR_BUSINESS=kv,tickets"); err != nil {
		return err
	}
	defer func() {
		for _, app := range h.apps {
			app.Close()
		}
		err = errors.Join(err, h.cluster.Stop())
	}()
	for _, address := range h.cluster.Addresses() {
		app, err := nats.Connect(address)
		if err != nil {
			return err
		}
		h.apps = append(h.apps, app)
	}
	for _, app := range h.apps[1:] { // the first one only asks
		if _, err := app.Subscribe(notice.AppSubject(tickets.Name, tickets.TopicSold), h.sold); err != nil {
			return err
		}
	}
	if _, err := h.apps[1].Subscribe(notice.AppSubject(tickets.Name, tickets.TopicReleased), func(*nats.Msg) { h.released.Add(1) }); err != nil {
		return err
	}
	for _, app := range h.apps {
		if err := app.FlushTimeout(subject.ReadyWithin); err != nil {
			return err
		}
	}
	if _, _, err := h.cluster.Whole(ctx); err != nil {
		return err
	}
	return measure(h)
}

func (h *hall) sold(m *nats.Msg) {
	now := time.Now()
	var told notice.Told
	var seat tickets.Seat
	if json.Unmarshal(m.Data, &told) != nil || json.Unmarshal(told.Body, &seat) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard[seat.Seat] = append(h.heard[seat.Seat], now)
	if len(h.heard[seat.Seat]) == len(h.apps)-1 {
		h.all <- seat.Seat
	}
}

// ask asks for a change of a seat.
func (h *hall) ask(ctx context.Context, app *nats.Conn, operation string, q any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, load.AnswerWithin)
	defer cancel()
	reply, err := app.RequestWithContext(ctx, "request."+tickets.Name+"."+operation, body)
	if err != nil {
		return err
	}
	if why := reply.Header.Get(bus.HeaderError); why != "" {
		return fmt.Errorf("%s: %s", operation, why)
	}
	return nil
}

// sell sells a seat and waits until all have heard of it. It gives when it was asked for, when that was answered, and when each has heard.
func (h *hall) sell(ctx context.Context, seat string) (asked, answered time.Time, heard []time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	asked = time.Now()
	if err = h.ask(ctx, h.apps[0], "sell", tickets.Request{Seat: seat, Customer: "ann"}); err != nil {
		return
	}
	answered = time.Now()
	for {
		select {
		case one := <-h.all:
			if one != seat {
				continue
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			heard = h.heard[seat]
			delete(h.heard, seat)
			slices.SortFunc(heard, time.Time.Compare)
			return asked, answered, heard, nil
		case <-ctx.Done():
			err = fmt.Errorf("not all terminals were told of seat %s within a minute", seat)
			return
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// few measures one notice after the other to seven other terminals, then the timers.
func few(ctx context.Context, r *result.Result, o *options, h *hall) error {
	var total, after []float64
	for n := range o.notices {
		asked, answered, heard, err := h.sell(ctx, fmt.Sprint("few-", n))
		if err != nil {
			return err
		}
		total, after = append(total, ms(heard[0].Sub(asked))), append(after, ms(max(0, heard[0].Sub(answered))))
	}
	if o.notices == 0 {
		return timers(ctx, r, o, h)
	}
	r.Add("a notice to another terminal", "from the request", "ms", result.Less, total...)
	r.Add("a notice to another terminal", "from its answer", "ms", result.Less, after...)
	fmt.Printf("a notice to another terminal: from the request %s ms, from its answer %s ms\n", spread(total), spread(after))
	if o.timers == 0 {
		return nil
	}
	return timers(ctx, r, o, h)
}

func spread(samples []float64) string {
	s := result.Summarize(samples)
	return fmt.Sprintf("%.2f (99 of 100 within %.2f)", s.Median, result.Quantile(slices.Sorted(slices.Values(samples)), 0.99))
}

// many measures how long it takes until the first, half and all of many terminals are told, from the answer on: by then it is committed.
func many(ctx context.Context, r *result.Result, o *options, h *hall) error {
	var first, half, last, asking []float64
	for n, began := 0, time.Now(); n < o.each && time.Since(began) < o.within; n++ {
		asked, answered, heard, err := h.sell(ctx, fmt.Sprint("many-", n))
		if err != nil {
			return err
		}
		after := func(t time.Time) float64 { return ms(max(0, t.Sub(answered))) }
		asking, first = append(asking, ms(answered.Sub(asked))), append(first, after(heard[0]))
		half, last = append(half, after(heard[len(heard)/2])), append(last, after(heard[len(heard)-1]))
		if err := pace.Rest(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	row := fmt.Sprintf("a notice to %d terminals", len(h.apps)-1)
	r.Add(row, "until it is committed and answered", "ms", result.Less, asking...)
	for _, one := range []struct {
		metric  string
		samples []float64
	}{{"the first is told", first}, {"half are told", half}, {"the last is told", last}} {
		r.Add(row, one.metric, "ms", result.Less, one.samples...)
		fmt.Printf("%s: %s %s ms after the answer, of %d trials\n", row, one.metric, spread(one.samples), len(one.samples))
	}
	return nil
}

// window is how long requests are watched without timers.
const window = 10 * time.Second

// timers measures requests without timers and while many are due.
func timers(ctx context.Context, r *result.Result, o *options, h *hall) error {
	clients, err := load.Connect(h.cluster.Addresses(), o.clients, func(int) []nats.Option { return nil })
	if err != nil {
		return err
	}
	defer clients.Close()
	running, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); clients.Run(running, load.Put(1000)) }()
	defer func() { end(); <-ended }()

	// They are set while nobody looks, so that all are due at one moment.
	due := time.Now().Add(time.Duration(o.timers)*time.Millisecond + window + 5*time.Second).Truncate(time.Second)
	g, setting := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for n := range o.timers {
		g.Go(func() error {
			left := int(time.Until(due).Round(time.Second) / time.Second)
			return h.ask(setting, h.apps[n%len(h.apps)], "reserve", tickets.Reserve{Request: tickets.Request{Seat: fmt.Sprint("timer-", n), Customer: "ann"}, Seconds: max(1, left)})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if left := time.Until(due); left < window+time.Second {
		return fmt.Errorf("setting %d timers took too long: only %v are left", o.timers, left)
	}
	began := time.Now()
	if err := pace.Rest(ctx, window); err != nil {
		return err
	}
	without := clients.Logs.Look(began, time.Now())
	for h.released.Load() == 0 && time.Since(due) < time.Minute {
		if err := pace.Rest(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	began = time.Now()
	for h.released.Load() < int64(o.timers) && time.Since(due) < 5*time.Minute {
		if err := pace.Rest(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	took := time.Since(began)
	beside := clients.Logs.Look(began, time.Now())
	if got := h.released.Load(); got != int64(o.timers) {
		return fmt.Errorf("%d of %d timers have run", got, o.timers)
	}
	row := fmt.Sprintf("%d timers due at once", o.timers)
	r.Add(row, "all have run, and are told", "ms", result.Less, ms(took))
	r.Add("kv.put without timers", "99 of 100", "ms", result.Less, ms(without.At(0.99)))
	r.Add("kv.put beside timers", "99 of 100", "ms", result.Less, ms(beside.At(0.99)))
	r.Add("kv.put without timers", "rate", "1/s", result.More, without.Rate())
	r.Add("kv.put beside timers", "rate", "1/s", result.More, beside.Rate())
	fmt.Printf("%s have run after %.1f s; kv.put: %.0f/s, 99 of 100 within %.2f ms without, %.0f/s, %.2f ms beside them\n", row, took.Seconds(),
		without.Rate(), ms(without.At(0.99)), beside.Rate(), ms(beside.At(0.99)))
	return nil
}
