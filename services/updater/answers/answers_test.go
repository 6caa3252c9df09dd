package answers_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/answers"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

const bound = 64 << 10

var series = bus.QueueSeries("t1")

// entry is an update of a queue's request, with an answer of a size.
func entry(counter, oldest uint64, size int) history.Entry {
	return history.Entry{Kind: history.KindUpdate, Time: 1, Request: history.RequestID{Terminal: series, Counter: counter}, Oldest: oldest,
		HasAnswer: true, Answer: history.Answer{Body: make([]byte, size)}}
}

// pair commits frames of entries as a term does.
type pair struct {
	*testing.T
	store *storage.Store
}

// frame decides entries in one frame, commits those that are not refused, and gives the numbers of these.
func (p *pair) frame(b *answers.Books, entries ...history.Entry) (taken []uint64) {
	p.Helper()
	end := p.store.Committed()
	var list []history.Stored
	err := p.store.View(func(r *storage.Reader) error {
		f := b.Frame(r, end.Position.Sequence+1)
		for _, e := range entries {
			if reply, ok := f.Refuse(&e); !ok {
				if reply.Code != bus.CodeOverloaded || !strings.Contains(reply.Message, fmt.Sprintf("number %d", e.Oldest)) {
					p.Errorf("%+v", reply)
				}
				continue
			}
			e.Position = position.Position{Epoch: 1, Sequence: end.Position.Sequence + 1}
			stored, err := history.NewStored(end.Digest, e)
			if err != nil {
				return err
			}
			f.Take(&stored.Entry)
			list, taken, end = append(list, stored), append(taken, e.Request.Counter), stored.Mark()
		}
		return nil
	})
	if err == nil && len(list) > 0 {
		err = p.store.Commit(list...)
	}
	if err != nil {
		p.Fatal(err)
	}
	return taken
}

func newPair(t *testing.T) *pair { return &pair{t, drafttest.Store(t)} }

// At the bound the first request without an answer is taken, and no other; it makes room.
func TestBooks_OnlyTheFirstIsTakenAtTheBound(t *testing.T) {
	p, b := newPair(t), answers.New(bound)
	const size = 20 << 10
	if got := p.frame(b, entry(2, 1, size), entry(3, 1, size), entry(4, 1, size), entry(5, 1, size)); !slices.Equal(got, []uint64{2, 3, 4}) {
		t.Errorf("%v are taken", got)
	}
	if said := b.Waiting(); !strings.Contains(said, "queue of terminal t1") {
		t.Errorf("%q", said)
	}
	other := entry(9, 1, size)
	other.Request.Terminal = "t1"
	if got := p.frame(b, other, entry(6, 1, size), entry(1, 1, size)); !slices.Equal(got, []uint64{9, 1}) {
		t.Errorf("%v are taken", got)
	}
	if got := p.frame(b, entry(6, 5, size), entry(5, 5, size), entry(6, 5, size)); !slices.Equal(got, []uint64{5, 6}) {
		t.Errorf("%v are taken", got)
	}
	if said := b.Waiting(); said != "" {
		t.Errorf("%q", said)
	}
}

// What is damaged of the answers counts as it stands, and nothing else comes of it.
func TestBooks_CountWhatIsDamaged(t *testing.T) {
	dir, b := t.TempDir(), answers.New(bound)
	p := &pair{t, drafttest.StoreIn(t, dir)}
	e := entry(2, 1, 0)
	e.Answer.Body = []byte(strings.Repeat("a damaged answer", 100))
	p.frame(b, e)
	drafttest.Damage(t, p.store, dir, string(e.Answer.Body))
	again := answers.New(bound)
	if got := p.frame(again, entry(3, 1, bound)); len(got) != 0 || again.Bytes(series) < len(e.Answer.Body) {
		t.Errorf("%v are taken, %d bytes are kept", got, again.Bytes(series))
	}
	if got := p.frame(again, entry(3, 3, 0)); len(got) != 1 || again.Bytes(series) >= len(e.Answer.Body) {
		t.Errorf("%v are taken, %d bytes are kept", got, again.Bytes(series))
	}
}

// Whatever comes, in whichever frames, whether it is applied or not: the books of a term are what its successor finds.
func TestBooks_AreWhatIsKept(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		p, b := newPair(t), answers.New(bound)
		oldest, next := uint64(1), uint64(1)
		answered := map[uint64]bool{}
		for range 60 {
			var entries []history.Entry
			for range 1 + random.IntN(6) {
				counter := next
				if !answered[oldest] && random.IntN(3) == 0 && oldest < next {
					counter = oldest
				} else {
					next++
				}
				if slices.ContainsFunc(entries, func(e history.Entry) bool { return e.Request.Counter == counter }) {
					continue
				}
				entries = append(entries, entry(counter, oldest, random.IntN(8<<10)))
			}
			for _, n := range p.frame(b, entries...) {
				answered[n] = true
			}
			for answered[oldest] && random.IntN(4) > 0 {
				oldest++
			}
			if random.IntN(4) == 0 {
				if _, err := p.store.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			kept, again := b.Bytes(series), answers.New(bound)
			p.frame(again, entry(next+1, oldest, bound)) // looks at what there is, and is refused
			if found := again.Bytes(series); found != kept {
				t.Fatalf("seed %d: the books say %d bytes, and %d are kept", seed, kept, found)
			}
		}
	}
}
