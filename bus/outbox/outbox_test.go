package outbox

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseDue: whatever comes in a header is refused with a sentence, or says what it says.
func FuzzParseDue(f *testing.F) {
	f.Add(Due{Key: "seat 12A", Revision: 1 << 60, At: 1, Late: 2}.String())
	f.Add(`{"key":""}`)
	f.Add(`{"key":"a","revision":7}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDue(text)
		if err != nil {
			if !strings.Contains(err.Error(), "outbox change") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := ParseDue(d.String())
		if err != nil || !cmp.Equal(d, again) {
			t.Errorf("%+v is read as %+v, %v", d, again, err)
		}
	})
}

func TestChanges_SizeCountsWhatIsKept(t *testing.T) {
	c := Changes{Fired: &Fired{Key: "abc"}, Timers: []Timer{{Key: "a", Operation: "do", Body: make([]byte, 1000)}}}
	if got := c.Size(); got < 1000+2*256 || got > 2000 {
		t.Errorf("%d bytes", got)
	}
	if c.IsZero() || !(Changes{}).IsZero() {
		t.Error("what is nothing and what is something are not told apart")
	}
}

// TestChanges_BodiesAreNotTooDeep: what can't be read any more within another message is refused before it is kept.
func TestChanges_BodiesAreNotTooDeep(t *testing.T) {
	nested := func(depth int) []byte { return []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth)) }
	for _, depth := range []int{0, 1, MaxDepth, MaxDepth + 1, 9_998, 10_000, MaxBody / 2} {
		for what, c := range map[string]Changes{
			"timer":    {Timers: []Timer{{Key: "a", Operation: "do", Body: nested(depth)}}},
			"notice":   {Notices: []Notice{{All: true, Topic: "a", Body: nested(depth)}}},
			"emission": {Emissions: []Emission{{Target: "a", Lane: "a", Body: nested(depth)}}},
		} {
			err := c.Validate(func(string) bool { return true })
			if (err != nil) != (depth > MaxDepth) || err != nil && (!errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "at most 1000")) {
				t.Errorf("%s of depth %d: %v", what, depth, err)
			}
		}
	}
}
