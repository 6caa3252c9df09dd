package enrolment

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A token is copied by people: each letter that is wrong, missing or too many is found.
func TestToken_Mistyped(t *testing.T) {
	token := NewToken("shop", "till-7", time.Now().Add(DefaultLife))
	text := token.Text()
	if got, err := ParseToken(" " + text + "\n"); err != nil || got.Key() != token.Key() || got.Terminal != "till-7" || got.Pair != "shop" || !got.Until.Equal(token.Until) {
		t.Fatalf("it reads back as %+v, %v", got, err)
	}
	for i := range text {
		other := byte('A')
		if text[i] == other {
			other = 'B'
		}
		for _, wrong := range []string{text[:i] + text[i+1:], text[:i] + string(other) + text[i+1:], text[:i] + string(other) + text[i:]} {
			if _, err := ParseToken(wrong); !errors.Is(err, ErrToken) {
				t.Errorf("%q for %q: %v", wrong, text, err)
			}
		}
	}
	if said := token.String(); strings.Contains(said, token.secret) {
		t.Errorf("%q", said)
	}
}

// FuzzParseToken: whatever is read as a token is written as the same text.
func FuzzParseToken(f *testing.F) {
	f.Add(NewToken("shop", "till-7", time.Unix(1767312000, 0)).Text())
	f.Add("a.b.c.d.e")
	f.Add("till-7.shop.-1.ABCDEFGHIJKLMNOPQRSTUVWXYZ.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Error(err)
			}
			return
		}
		again, err := ParseToken(token.Text())
		if err != nil || again != token {
			t.Errorf("%q is read as %+v, and that as %+v, %v", text, token, again, err)
		}
	})
}
