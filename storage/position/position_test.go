package position

import (
	"errors"
	"testing"
)

func TestPosition_TextRoundTrip(t *testing.T) {
	for _, p := range []Position{{}, {1, 2}, {1<<64 - 1, 1<<64 - 1}} {
		got, err := Parse(p.String())
		if err != nil || got != p {
			t.Errorf("Parse(%q) = %v, %v", p.String(), got, err)
		}
	}
}

func TestParse_RefusesWhatIsNoPosition(t *testing.T) {
	for _, text := range []string{"", "7", "7/", "/7", "a/b", "-1/2", "1/2/3", "1/18446744073709551616"} {
		if _, err := Parse(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("Parse(%q) = %v, want ErrMalformed", text, err)
		}
	}
}

func TestPosition_Order(t *testing.T) {
	inOrder := []Position{{}, {1, 1}, {1, 2}, {2, 1}, {2, 3}}
	for i := range inOrder[1:] {
		if !inOrder[i].Before(inOrder[i+1]) || inOrder[i+1].Before(inOrder[i]) {
			t.Errorf("%v must come before %v", inOrder[i], inOrder[i+1])
		}
	}
}
