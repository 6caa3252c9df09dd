package evidence

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestState_FollowsTheRules(t *testing.T) {
	all := [4]State{Silent, Connected, Ended, Refused}
	for _, c := range []struct {
		what string
		rule func(State) State
		then [4]State // after silent, connected, ended, refused
	}{
		{"handshake done", State.HandshakeDone, [4]State{Connected, Connected, Connected, Connected}},
		{"lost, ended by the other side", func(s State) State { return s.Lost(true) }, [4]State{Ended, Ended, Ended, Ended}},
		{"lost in silence", func(s State) State { return s.Lost(false) }, [4]State{Silent, Silent, Silent, Silent}},
		{"dial refused", State.DialRefused, [4]State{Silent, Connected, Refused, Refused}},
		{"dial accepted", State.DialAccepted, [4]State{Silent, Connected, Ended, Ended}},
		{"accepted, then closed by the other side", func(s State) State { return s.NotUnderstood(true) }, [4]State{Silent, Silent, Ended, Silent}},
		{"accepted, then not understood", func(s State) State { return s.NotUnderstood(false) }, [4]State{Silent, Silent, Silent, Silent}},
	} {
		for i, s := range all {
			if got := c.rule(s); got != c.then[i] {
				t.Errorf("%s after %s: %s, not %s", c.what, s, got, c.then[i])
			}
		}
	}
}

// A refusal is proof of a death only after a connection has ended: never after silence, however often it is refused.
func TestState_RefusedNeedsAnEndedConnection(t *testing.T) {
	if s := Silent.DialRefused().DialRefused(); s != Silent {
		t.Error("a port that never answered is", s)
	}
	if s := Silent.HandshakeDone().Lost(false).DialRefused(); s != Silent {
		t.Error("a port that fell silent is", s)
	}
	if s := Silent.HandshakeDone().Lost(true).DialRefused(); s != Refused {
		t.Error("a port whose connection was ended, and that refuses, is", s)
	}
}

func TestState_IsAWord(t *testing.T) {
	var zero State
	if zero != Silent {
		t.Error("nothing known is not silence")
	}
	for s, word := range map[State]string{Silent: "silent", Connected: "connected", Ended: "ended", Refused: "refused"} {
		text, err := json.Marshal(s)
		if err != nil || string(text) != `"`+word+`"` {
			t.Errorf("%s: %s, %v", word, text, err)
		}
		got := State(-1)
		if err := json.Unmarshal(text, &got); err != nil || got != s {
			t.Errorf("%s was read as %v, %v", text, got, err)
		}
	}
	var s State
	if err := json.Unmarshal([]byte(`"dead"`), &s); !errors.Is(err, ErrUnknown) {
		t.Errorf("a word of another language: %v", err)
	}
}
