package comparison

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/section"
)

const (
	// tries is how often a section is read again because the other host had applied more than its position. Each costs a
	// millisecond or two, and misses only if a flush falls into it.
	tries = 50
	// repairs is how often a section is repaired and compared again: a floor that was wrong hides other differences.
	repairs = 4
	// throttle is the rest after a section, as a multiple of the time it took: the terminals come first.
	throttle = 1
	// Named bounds the differences that are named; all are counted.
	Named = 100
)

// Readable is the database of the host that leads. *storage.Store is one.
type Readable interface {
	Buckets() ([]string, error)
	NextSection(bucket string, after []byte) (section.Content, error)
	ReadSection(q section.Section, at *history.Mark, time int64, detail section.Detail) (section.Content, error)
	Stats() storage.Stats
}

// Difference is a key whose values differ.
type Difference struct {
	section.Difference
	Repaired bool
}

// Outcome is the progress of a comparison and, at its end, its result.
type Outcome struct {
	Bucket      string  // being compared
	Done        float64 // 0 … 1, a guess while it runs
	Sections    int
	Keys, Bytes int64
	Retries     int // sections that were read again at a later position
	Position    history.Mark
	// Different counts keys that are not alike, Repaired those of them that were put right, Named lists the first.
	Different, Repaired int
	// DamagedHere counts those whose value on the leading host is not what was once written: these are not copied.
	DamagedHere int
	Named       []Difference
}

// Comparison is one comparison of everything.
type Comparison struct {
	Database Readable
	Conn     *bus.Conn // to the other host
	Peer     string
	Epoch    uint64
	Repair   bool
	// Progress is told after each section. It must not block.
	Progress func(Outcome)
	Log      *slog.Logger

	outcome Outcome
	size    int64
}

// Run compares, and repairs if Repair is set. The outcome holds what was found before an error: ErrRefused, ErrBehind,
// ErrDiverged, storage.ErrDamaged, storage.ErrReceiving, that of the connection, or ctx's.
func (c *Comparison) Run(ctx context.Context) (Outcome, error) {
	buckets, err := c.buckets(ctx)
	if err != nil {
		return c.outcome, err
	}
	stats := c.Database.Stats()
	c.size = max(stats.FileBytes-int64(stats.FreePages)*4096, 1)
	for _, bucket := range buckets {
		c.outcome.Bucket = bucket
		if err := c.bucket(ctx, bucket); err != nil {
			return c.outcome, fmt.Errorf("compare %s: %w", bucket, err)
		}
	}
	c.outcome.Bucket, c.outcome.Done = "", 1
	return c.outcome, nil
}

// buckets are those that either host has.
func (c *Comparison) buckets(ctx context.Context) ([]string, error) {
	own, err := c.Database.Buckets()
	if err != nil {
		return nil, err
	}
	r, err := ask(ctx, c.Conn, callBuckets(c.Peer), bucketsRequest{caller{c.Epoch}})
	if err != nil {
		return nil, err
	}
	for _, b := range r.Buckets {
		if !slices.Contains(own, b) {
			own = append(own, b)
		}
	}
	return own, nil
}

func (c *Comparison) bucket(ctx context.Context, bucket string) error {
	var until uint64 // of the history, which grows while it is compared: up to where it was applied when it began
	for after := []byte(nil); ; {
		began := time.Now()
		here, equal, err := c.section(ctx, bucket, after)
		if err != nil {
			return err
		}
		if !equal {
			if err := c.differ(ctx, here.Section); err != nil {
				return err
			}
		}
		c.outcome.Sections++
		c.outcome.Keys += int64(here.Items)
		c.outcome.Bytes += here.Bytes
		c.outcome.Position = here.At
		c.outcome.Done = min(float64(c.outcome.Bytes)/float64(c.size), 0.99)
		c.Progress(c.outcome)
		if until == 0 {
			until = here.At.Position.Sequence
		}
		if here.Section.Last == nil || bucket == section.History && here.Section.Reaches(until) {
			return nil
		}
		after = here.Section.Last
		if err := pace.Rest(ctx, throttle*time.Since(began)); err != nil {
			return err
		}
	}
}

// section reads the next section on both hosts at one position and says whether it is equal.
func (c *Comparison) section(ctx context.Context, bucket string, after []byte) (here section.Content, equal bool, err error) {
	for range tries {
		if here, err = c.Database.NextSection(bucket, after); err != nil {
			return here, false, err
		}
		if bucket == section.History && here.Items == 0 {
			return here, true, nil // its end: the other host may have applied more
		}
		there, again, err := c.other(ctx, here, section.OnlyDigest)
		switch {
		case errors.Is(err, storage.ErrTrimmed):
			return here, true, nil // history that only one of them still has
		case err != nil:
			return here, false, err
		case !again:
			return here, here.Digest == there.Digest && here.Items == there.Items, nil
		}
	}
	return here, false, fmt.Errorf("%w: it was already past the position in each of %d attempts", ErrBehind, tries)
}

// other asks for a section at the position at which this host has read it. again: the other host is already past that
// position.
func (c *Comparison) other(ctx context.Context, here section.Content, detail section.Detail) (there section.Content, again bool, err error) {
	there, err = ask(ctx, c.Conn, callSection(c.Peer), sectionRequest{
		caller: caller{c.Epoch}, Section: here.Section, At: here.At, Forgotten: here.Forgotten, Detail: detail,
	})
	switch {
	case errors.Is(err, storage.ErrPassed):
		c.outcome.Retries++
		return there, true, ctx.Err()
	case errors.Is(err, storage.ErrDiverged):
		return there, false, fmt.Errorf("%w: %w", ErrDiverged, err)
	case err == nil && (there.At != here.At && here.Section.Bucket != "history" || there.Section.Bucket != here.Section.Bucket):
		return there, false, fmt.Errorf("%w: the answer is for another section", storage.ErrMalformed)
	}
	return there, false, err
}

// differ names what is not alike in a section, at a later position than the one at which it showed, and repairs it.
func (c *Comparison) differ(ctx context.Context, q section.Section) error {
	var before []section.Difference
	for round := 0; ; round++ {
		here, there, err := c.listings(ctx, q)
		if errors.Is(err, storage.ErrTrimmed) {
			return nil
		}
		if err != nil {
			return err
		}
		found := section.Differences(here, there)
		if here.Digest != there.Digest && len(found) == 0 && here.More {
			return fmt.Errorf("%w: more keys than can be listed", storage.ErrMalformed)
		}
		c.repaired(before, found)
		repair := c.note(found, round, there.More)
		if len(found) == 0 || !c.Repair || !repair || round == repairs {
			return nil
		}
		if err := c.repair(ctx, q); err != nil {
			return err
		}
		before = found
	}
}

// note counts what a round found. Later rounds only add what repairing has brought to light. repair: it can be repaired.
func (c *Comparison) note(found []section.Difference, round int, more bool) (repair bool) {
	o := &c.outcome
	repair = true
	for _, d := range found {
		if d.DamagedHere {
			repair = false // never copy damage; and a section is repaired as a whole
		}
		known := slices.ContainsFunc(o.Named, func(n Difference) bool { return n.Bucket == d.Bucket && string(n.Key) == string(d.Key) })
		if round > 0 && known {
			continue
		}
		o.Different++
		if d.DamagedHere {
			o.DamagedHere++
		}
		if len(o.Named) < Named && !known {
			o.Named = append(o.Named, Difference{Difference: d})
		}
	}
	if more {
		c.Log.Warn("the other host has far more keys in a section than this one", "bucket", o.Bucket, "keys", len(found))
	}
	return repair
}

// listings reads the keys of a section with their sums on both hosts at one position.
func (c *Comparison) listings(ctx context.Context, q section.Section) (here, there section.Content, err error) {
	for range tries {
		if here, err = c.Database.ReadSection(q, nil, 0, section.WithSums); err != nil {
			return here, there, err
		}
		there, again, err := c.other(ctx, here, section.WithSums)
		if err != nil || !again {
			return here, there, err
		}
	}
	return here, there, fmt.Errorf("%w: it was already past the position in each of %d attempts", ErrBehind, tries)
}

// repair has the other host make a section what it is here.
func (c *Comparison) repair(ctx context.Context, q section.Section) error {
	content, err := c.Database.ReadSection(q, nil, 0, section.WithValues)
	if err != nil {
		return err
	}
	content.Sums = nil
	// It may have to wait until the other host has committed that much; Repair says so, and the next round tries again.
	_, err = ask(ctx, c.Conn, callRepair(c.Peer), repairRequest{caller: caller{c.Epoch}, Content: content})
	switch {
	case errors.Is(err, storage.ErrAbsent), errors.Is(err, storage.ErrTrimmed):
		return pace.Rest(ctx, 50*time.Millisecond)
	case err != nil:
		return fmt.Errorf("repair: %w", err)
	}
	return nil
}

// repaired counts what differed before a repair and is alike after it, whether the repair or a later update made it so.
func (c *Comparison) repaired(before, found []section.Difference) {
	for _, d := range before {
		same := func(o section.Difference) bool { return o.Bucket == d.Bucket && string(o.Key) == string(d.Key) }
		if slices.ContainsFunc(found, same) {
			continue
		}
		c.outcome.Repaired++
		for i := range c.outcome.Named {
			if n := &c.outcome.Named[i]; same(n.Difference) {
				n.Repaired = true
			}
		}
	}
}
