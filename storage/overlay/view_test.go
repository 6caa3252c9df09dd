package overlay

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// stored is an entry at a sequence; nothing here looks at its digest.
func stored(sequence uint64, e history.Entry) history.Stored {
	e.Position = position.Position{Epoch: 1, Sequence: sequence}
	return history.Stored{Entry: e, Raw: []byte{byte(sequence)}}
}

func put(sequence uint64, space, key, value string) history.Stored {
	return stored(sequence, history.Entry{Space: space, Effects: []history.Effect{{Key: []byte(key), Value: []byte(value)}}})
}

// sample is two generations: 1…3 frozen, 4…5 active.
func sample() (frozen, active *Generation) {
	frozen, active = New(), New()
	frozen.Add([]history.Stored{
		put(1, "s", "a", "one"),
		put(2, "s", "c", "two"),
		stored(3, history.Entry{Request: history.RequestID{Terminal: "t", Counter: 9}, Oldest: 7, HasAnswer: true}),
	})
	active.Add([]history.Stored{put(4, "s", "a", "four"), put(5, "ss", "b", "five")})
	return frozen, active
}

// TestView_StaysAtItsSequence: a view sees both generations as one, and nothing that came after it.
func TestView_StaysAtItsSequence(t *testing.T) {
	frozen, active := sample()
	for sequence, want := range map[uint64][]string{
		1: {"a=one@1"}, 3: {"a=one@1", "c=two@2"}, 5: {"a=four@4", "c=two@2"},
	} {
		v := View{Frozen: frozen, Active: active, Sequence: sequence}
		var got []string
		for c := v.Walk(Space("s"), nil, nil, false); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			newest := c.Take(key)[0]
			got = append(got, fmt.Sprintf("%s=%s@%d", key, newest.Effect().Value, newest.Sequence))
			if at, ok := v.Value("s", []byte(key)); !ok || at.Sequence != newest.Sequence {
				t.Errorf("at %d the key %q is of %d, looked up of %d", sequence, key, newest.Sequence, at.Sequence)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %d: %v, want %v", sequence, got, want)
		}
		floor := v.Floor("t")
		if _, answered := v.Answer(history.RequestID{Terminal: "t", Counter: 9}); answered != (sequence >= 3) || (floor == 7) != answered {
			t.Errorf("at %d: floor %d, answered %v", sequence, floor, answered)
		}
	}
}

// applied notes in what order a generation is given.
type applied []string

func (a *applied) Raise(terminal string, floor uint64) error {
	*a = append(*a, fmt.Sprint("floor ", terminal, floor))
	return nil
}

func (a *applied) Record(e *history.Entry) error {
	*a = append(*a, fmt.Sprint("answer ", e.Request))
	return nil
}

func (a *applied) Put(space, key string, e *history.Effect, sequence uint64) error {
	*a = append(*a, fmt.Sprint(space, "/", key, "=", string(e.Value), "@", sequence))
	return nil
}

// TestGeneration_GivesFloorsFirst: whoever applies answers knows by then which of them nobody can ask for.
func TestGeneration_GivesFloorsFirst(t *testing.T) {
	frozen, _ := sample()
	frozen.Add([]history.Stored{put(4, "s", "a", "again")})
	var got applied
	if err := frozen.Apply(&got); err != nil {
		t.Fatal(err)
	}
	if want := []string{"floor t7", "answer t/9", "s/a=again@4", "s/c=two@2"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if spaces := frozen.Spaces(); !slices.Equal(spaces, []string{"s"}) {
		t.Errorf("spaces %v", spaces)
	}
}
