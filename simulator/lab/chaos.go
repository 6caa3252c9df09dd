package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/pair"
)

// ErrFound says that something was lost, doubled, stale or otherwise wrong, or that the pair did not heal.
var ErrFound = errors.New("chaos found something")

// ChaosOptions configures chaos.
type ChaosOptions struct {
	Lab  Options
	Seed uint64
	For  time.Duration // rounds begin until then; the last one ends normally
	// Round is how long faults are injected before all is healed and checked. Default 15 s.
	Round time.Duration
	// Finally is called at the end if nothing was found, with the pair healed and no writes. May be nil.
	Finally func(context.Context, *Lab) error
}

// Tally is the result.
type Tally struct {
	Seed      uint64
	Took      time.Duration
	Rounds    int
	Faults    map[string]int // by kind
	Takeovers uint64         // epochs begun
	Verdict
	Unhealed []string
}

// Injected counts all faults.
func (t *Tally) Injected() (n int) {
	for _, count := range t.Faults {
		n += count
	}
	return n
}

// Err is ErrFound if anything was found.
func (t *Tally) Err() error {
	if t.Bad() || len(t.Unhealed) > 0 {
		return ErrFound
	}
	return nil
}

// String is the closing line.
func (t *Tally) String() string {
	return fmt.Sprintf("chaos: seed %d, %s, %d rounds, %d faults, %d takeovers; %d calls, %d operations checked (%d on both sides of a takeover, %d open), %d keys, %d accounts, %d reservations, %d notices and %d emissions (in %d posts) read back, %d totals; %d lost, %d doubled, %d stale, %d otherwise wrong, %d not healed",
		t.Seed, t.Took.Round(time.Second), t.Rounds, t.Injected(), t.Takeovers, t.Calls, t.Operations, t.Crossed, t.Open, t.Uniques, t.Balances, t.Reserved, t.Notices, t.Entries, t.Posts, t.Totals,
		len(t.Lost), len(t.Doubled), len(t.Stale), len(t.Wrong), len(t.Unhealed))
}

// Kinds lists the faults by kind.
func (t *Tally) Kinds() string { return kindsOf(t.Faults) }

// kindsOf lists counts of faults by kind.
func kindsOf(faults map[string]int) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(faults)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, faults[kind]))
	}
	return strings.Join(parts, ", ")
}

func (t *Tally) add(v Verdict) {
	t.Calls += v.Calls
	t.Operations += v.Operations
	t.Open += v.Open
	t.Crossed += v.Crossed
	t.Uniques += v.Uniques
	t.Balances += v.Balances
	t.Reserved += v.Reserved
	t.Notices += v.Notices
	t.Entries += v.Entries
	t.Posts += v.Posts
	t.Totals += v.Totals
	t.Findings.Add(v.Findings)
	if v.Undecided {
		t.Wrong = append(t.Wrong, "porcupine did not finish")
	}
}

// Chaos draws faults from the seed, in rounds: several at a time under load, then healing, then all checks. It ends
// at the first round with a finding; the error is then ErrFound. Any other error means that the lab itself failed.
func Chaos(ctx context.Context, o ChaosOptions) (Tally, error) {
	if o.Round == 0 {
		o.Round = 15 * time.Second
	}
	t := Tally{Seed: o.Seed, Faults: map[string]int{}}
	began := time.Now()
	l, err := Start(ctx, o.Lab)
	if err != nil {
		return t, err
	}
	err = l.chaos(ctx, o, &t)
	t.Took = time.Since(began)
	return t, errors.Join(err, l.Close())
}

func (l *Lab) chaos(ctx context.Context, o ChaosOptions, t *Tally) error {
	until := time.Now().Add(o.For)
	if err := l.Heal(ctx); err != nil {
		t.Unhealed = append(t.Unhealed, err.Error())
		return ErrFound
	}
	for time.Now().Before(until) && ctx.Err() == nil {
		t.Rounds++
		if err := l.round(ctx, t, roundRandom(o.Seed, t.Rounds), min(o.Round, time.Until(until))); err != nil {
			return err
		}
		if err := t.Err(); err != nil {
			return err
		}
	}
	if o.Finally != nil {
		return o.Finally(ctx, l)
	}
	return nil
}

// roundRandom is the randomness of one round: each draws its own, so that its faults don't depend on how many the
// previous rounds had time for.
func roundRandom(seed uint64, round int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(round)))
}

// round is one round. Its findings go to the tally.
func (l *Lab) round(ctx context.Context, t *Tally, random *rand.Rand, lasts time.Duration) error {
	_, before := l.Active(ctx)
	load, err := l.StartLoad(ctx, fmt.Sprintf("r%d", t.Rounds), random.Uint64())
	if err != nil {
		return err
	}
	defer load.Close() // its error is nil
	if err := l.inject(ctx, t, random, lasts); err != nil {
		return err
	}
	fixed := time.Now()
	if err := l.Heal(ctx); err != nil {
		t.Unhealed = append(t.Unhealed, fmt.Sprintf("round %d: %v", t.Rounds, err))
		return ErrFound
	}
	healed := time.Since(fixed)
	some := load.Acknowledged() + 50
	if err := l.Await(ctx, healWithin, "progress after healing", func() bool { return load.Acknowledged() > some }); err != nil {
		t.Unhealed = append(t.Unhealed, fmt.Sprintf("round %d: %v", t.Rounds, err))
		return ErrFound
	}
	v, err := load.Finish(ctx)
	if err != nil {
		return err
	}
	at, err := l.CompareHosts(ctx)
	if errors.Is(err, pair.ErrDiverged) {
		v.Wrong = append(v.Wrong, err.Error())
	} else if err != nil {
		return err
	}
	_, after := l.Active(ctx)
	t.Takeovers += after.Epoch - min(before.Epoch, after.Epoch)
	t.add(v)
	l.say("round %d: healed in %s, epoch %d, both hosts at %s; %d operations checked (%d crossed a takeover, %d open), %d keys, %d reservations, %d notices and %d emissions in %d posts read back; so far %d faults, %d findings",
		t.Rounds, healed.Round(time.Millisecond), after.Epoch, at, v.Operations, v.Crossed, v.Open, v.Uniques, v.Reserved, v.Notices, v.Entries, v.Posts, t.Injected(), len(t.All()))
	for _, text := range v.All() {
		l.say("round %d: %s", t.Rounds, text)
	}
	return nil
}

const (
	// overlapping is how many faults may last at the same time.
	overlapping = 3
	// betweenFaults is the longest time from one fault to the next.
	betweenFaults = 2 * time.Second
)

// inject begins and ends faults until the time is up.
func (l *Lab) inject(ctx context.Context, t *Tally, random *rand.Rand, lasts time.Duration) error {
	until := time.Now().Add(lasts)
	var work errgroup.Group
	work.SetLimit(overlapping)
	for time.Now().Before(until) && ctx.Err() == nil {
		kind, begin := drawFault(l, random)
		wait := time.Duration(random.Int64N(int64(betweenFaults)))
		if random.IntN(4) == 0 {
			wait = 0 // two at the same moment
		}
		t.Faults[kind]++
		work.Go(func() error {
			i, err := begin(ctx)
			l.say("  %s, %s", i.what, i.hold.Round(time.Millisecond))
			if err != nil {
				return fmt.Errorf("%s: %w", i.what, err)
			}
			_ = pace.Rest(ctx, i.hold)
			if i.end == nil {
				return nil
			}
			if err := i.end(context.WithoutCancel(ctx)); err != nil {
				return fmt.Errorf("end of %s: %w", i.what, err)
			}
			return nil
		})
		_ = pace.Rest(ctx, wait)
	}
	return work.Wait()
}
