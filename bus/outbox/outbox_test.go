package outbox

import (
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
			if !strings.Contains(err.Error(), "be left") {
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
