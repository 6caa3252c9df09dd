package draft_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage"
)

// TestDraft_DamageRefusesItsOwnCommit: a commit that rests on a value with a flipped bit is refused and named, and the frame has what was asked
// before it and after it.
func TestDraft_DamageRefusesItsOwnCommit(t *testing.T) {
	dir := t.TempDir()
	l := &left{drafttest.StoreIn(t, dir), t}
	admitted := func(q drafttest.Request) *draft.Commit {
		made, refused := q.Admitted()
		if refused != nil {
			t.Fatal(refused.Message)
		}
		return made
	}
	put := func(key, value string, has uint64) *draft.Commit {
		q := drafttest.Request{Operations: []bus.Operation{drafttest.Put(key, value)}}
		if has != 0 {
			q.Conditions = []bus.Condition{drafttest.Has(key, has)}
		}
		return admitted(q)
	}
	asked := admitted(drafttest.Request{ID: drafttest.Counter(1), Record: true, Answer: bus.Answer{Body: []byte(`"answer to it"`)}})
	l.frame(put("a", "value of a", 0), put("b", "value of b", 0), put("c", "value of c", 0), asked)
	drafttest.Damage(t, l.Store, dir, "value of b")
	drafttest.Damage(t, l.Store, dir, "answer to it")
	d := draft.New(1, l.Committed(), time.Now().UnixNano())
	var got []string
	damaged := 0
	err := l.View(func(r *storage.Reader) error {
		for _, c := range []*draft.Commit{put("a", "1", 2), put("b", "1", 3), put("b", "1", 9), asked, put("c", "1", 4)} {
			v := d.Add(draft.Committed{Reader: r}, c)
			if got = append(got, describe(v)); v.Damaged != nil {
				if damaged++; !errors.Is(v.Damaged, storage.ErrDamaged) {
					t.Error(v.Damaged)
				}
			}
		}
		return nil
	})
	if want := []string{"+6 held", "500", "500", "410", "+7 held"}; err != nil || !slices.Equal(got, want) || damaged != 3 || len(d.Entries()) != 2 {
		t.Errorf("%v, want %v; %d damaged, %d entries, %v", got, want, damaged, len(d.Entries()), err)
	}
}
