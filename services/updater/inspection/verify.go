package inspection

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/replication/comparison"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/section"
)

// keepWithin bounds the update that keeps what came of a comparison.
const keepWithin = 10 * time.Second

var (
	// errStopWanted is the cause of a comparison's end when an operator ended it.
	errStopWanted = errors.New("stopped by an operator")
	errTermOver   = errors.New("the term has ended")
	errNoStandby  = errors.New("the other host is not in sync: there is nothing to compare with")
)

// verifier leads comparisons of both databases, one at a time.
type verifier struct {
	config Config
	orders chan bus.VerifyOrder

	mu    sync.Mutex
	state bus.VerifyState
	stop  context.CancelCauseFunc // of the one that runs
}

func newVerifier(c Config) *verifier {
	return &verifier{config: c, orders: make(chan bus.VerifyOrder, 1)}
}

// begin takes an order, or refuses it.
func (v *verifier) begin(_ context.Context, q bus.VerifyOrder) (bus.VerifyState, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	refuse := func(err error) (bus.VerifyState, error) { return v.state, fmt.Errorf("%w: %w", bus.ErrRefused, err) }
	if v.state.Running {
		return refuse(fmt.Errorf("a comparison is already running, started by %s at %s", v.state.By, v.state.Began.Format(time.TimeOnly)))
	}
	term, err := v.config.Updater.Term()
	if err != nil {
		return refuse(err)
	}
	if term.Peer != bus.PeerAwaited && term.Peer != bus.PeerClose {
		return refuse(errNoStandby)
	}
	select {
	case v.orders <- q:
	default:
		return refuse(errors.New("a comparison is about to start"))
	}
	v.state = bus.VerifyState{
		ID: q.ID, By: q.By, Repair: q.Repair, Running: true, Host: v.config.Host, Peer: v.config.Remote.Peer(), Epoch: term.Epoch,
		Began: time.Now().UTC(),
	}
	return v.state, nil
}

// now is how far it is, or what came of the last one, whichever host led it.
func (v *verifier) now(context.Context, bus.VerifyQuestion) (bus.VerifyState, error) {
	v.mu.Lock()
	s := v.state
	v.mu.Unlock()
	if s.Running {
		return s, nil
	}
	err := v.config.Store.View(func(r *storage.Reader) error {
		raw, _, ok := r.Get(bus.SystemSpace, []byte(bus.SystemVerify))
		if !ok {
			return nil
		}
		var kept bus.VerifyState
		if err := json.Unmarshal(raw, &kept); err != nil {
			return err
		}
		if kept.Ended.After(s.Ended) {
			s = kept
		}
		return nil
	})
	if s.ID != "" {
		err = nil // what this process has seen itself says more
	}
	return s, err
}

// end ends the one that runs.
func (v *verifier) end(context.Context, bus.VerifyQuestion) (bus.VerifyState, error) {
	v.mu.Lock()
	stop, s := v.stop, v.state
	v.mu.Unlock()
	if stop == nil {
		return s, fmt.Errorf("%w: no comparison is running", bus.ErrRefused)
	}
	stop(errStopWanted)
	return s, nil
}

// run carries orders out until ctx ends.
func (v *verifier) run(ctx context.Context) error {
	for {
		select {
		case q := <-v.orders:
			v.carryOut(ctx, q)
		case <-ctx.Done():
			return nil
		}
	}
}

// carryOut leads one comparison. It ends with the term.
func (v *verifier) carryOut(ctx context.Context, q bus.VerifyOrder) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	v.mu.Lock()
	v.stop = stop
	v.mu.Unlock()
	outcome, err := v.compare(ctx, stop, q)
	v.mu.Lock()
	v.stop = nil
	v.take(outcome)
	v.state.Running, v.state.Ended = false, time.Now().UTC()
	if err != nil {
		v.state.Unfinished = err.Error()
	}
	s := v.state
	v.mu.Unlock()
	v.config.Log.Info("both databases were compared", "clean", s.Clean(), "keys", s.Keys, "different", s.Different, "repaired", s.Repaired,
		"position", s.Position, "took", s.Ended.Sub(s.Began), "unfinished", s.Unfinished)
	v.keep(s)
	v.config.Updater.Beat()
}

func (v *verifier) compare(ctx context.Context, stop context.CancelCauseFunc, q bus.VerifyOrder) (comparison.Outcome, error) {
	term, err := v.config.Updater.Term()
	if err != nil {
		return comparison.Outcome{}, err
	}
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-term.Ended:
			stop(errTermOver)
		case <-done:
		}
	}()
	defer func() { close(done); <-watched }()
	conn, err := v.config.Remote.Await(ctx)
	if err != nil {
		return comparison.Outcome{}, err
	}
	c := comparison.Comparison{
		Database: v.config.Store, Conn: conn, Peer: v.config.Remote.Peer(), Epoch: term.Epoch, Repair: q.Repair, Log: v.config.Log,
		Progress: func(o comparison.Outcome) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.take(o)
		},
	}
	outcome, err := c.Run(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return outcome, err
}

// take puts an outcome into the state. mu is held.
func (v *verifier) take(o comparison.Outcome) {
	s := &v.state
	s.Done, s.Bucket, s.Sections, s.Keys, s.Bytes, s.Retries = o.Done, o.Bucket, o.Sections, o.Keys, o.Bytes, o.Retries
	s.Position, s.Different, s.Repaired, s.DamagedHere = o.Position.Position, o.Different, o.Repaired, o.DamagedHere
	s.Named = nil
	for _, d := range o.Named {
		var damaged []string
		if d.DamagedHere {
			damaged = append(damaged, s.Host)
		}
		if d.DamagedThere {
			damaged = append(damaged, s.Peer)
		}
		space, key := shownPlace(d.Bucket, d.Key)
		s.Named = append(s.Named, bus.VerifyDifference{
			Space: space, Key: key, Kind: d.Kind, Damaged: strings.Join(damaged, ", "), Repaired: d.Repaired,
		})
	}
}

// shownPlace names a key of a bucket for people.
func shownPlace(bucket string, key []byte) (space, shown string) {
	space = strings.TrimPrefix(bucket, "data/")
	if (bucket == "history" || bucket == "epochs") && len(key) == 8 {
		return space, fmt.Sprint(binary.BigEndian.Uint64(key))
	}
	if bucket == "answers" {
		if id, err := section.AnswerID(key); err == nil {
			return space, id.String()
		}
	}
	return space, shownKey(key)
}

// keep makes the outcome known to both hosts, and to the next main.
func (v *verifier) keep(s bus.VerifyState) {
	ctx, cancel := context.WithTimeout(context.Background(), keepWithin)
	defer cancel()
	if err := v.config.Space.Put(ctx, []byte(bus.SystemVerify), bus.EncodeJSON(s)); err != nil {
		v.config.Log.Warn("the result of the comparison could not be saved", "error", err)
	}
}
