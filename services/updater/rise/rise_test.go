package rise

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/replication"
)

// fake is a term with what the other host said.
type fake struct {
	at     level.Level
	other  replication.PeerState
	serves bool
	rose   []level.Level
	reply  bus.DatabaseReply
}

func (f *fake) Level() level.Level                   { return f.at }
func (f *fake) Other() (replication.PeerState, bool) { return f.other, f.serves }
func (f *fake) Rise(to level.Level, answer func(bus.DatabaseReply)) error {
	f.rose = append(f.rose, to)
	answer(f.reply)
	return nil
}

// TestLevels_RisesOnlyWhenBothAreThereAndCan: whatever speaks against it is said before anything is committed.
func TestLevels_RisesOnlyWhenBothAreThereAndCan(t *testing.T) {
	own := level.Own()
	later := level.Range{Oldest: own.Oldest, Newest: own.Newest + 1}
	for _, c := range []struct {
		name string
		term fake
		says string // of what hinders, or of the refusal

	}{
		{"not served", fake{}, "does not serve"},
		{"nothing above", fake{at: own.Newest, serves: true, other: replication.PeerState{State: bus.PeerAwaited, Levels: own}}, ""},
		{"nothing above, alone", fake{at: own.Newest, serves: true, other: replication.PeerState{State: bus.PeerAbsent}}, ""},
		{"the other is newer", fake{at: own.Newest, serves: true, other: replication.PeerState{State: bus.PeerAwaited, Levels: later}}, "upgrade a first"},
		{"the other is newer and away", fake{at: own.Newest, serves: true, other: replication.PeerState{State: bus.PeerAbsent, Levels: later}}, "b is not in sync"},
		{"the other is refused", fake{at: own.Newest, serves: true, other: replication.PeerState{State: bus.PeerRefused, Reason: "other pair", Levels: later}}, "b can't join: other pair"},
	} {
		l := Levels{Host: "a", Remote: named("b"), Term: &c.term}
		for _, rise := range []bool{false, true} {
			got, err := l.answer(t.Context(), bus.LevelsRequest{Rise: rise})
			text := got.Hindered
			if err != nil {
				text = err.Error()
			}
			refused := c.says != "" && (rise || !c.term.serves)
			if !strings.Contains(text, c.says) || (err != nil) != refused || refused && !errors.Is(err, bus.ErrRefused) || len(c.term.rose) != 0 {
				t.Errorf("%s, rise %v: %+v, %v, rose to %v", c.name, rise, got, err, c.term.rose)
			}
		}
	}
}

// TestLevels_Rises: data of a level below what both know rise to it, once it is committed.
func TestLevels_Rises(t *testing.T) {
	own := level.Own()
	for _, c := range []struct {
		reply bus.DatabaseReply
		want  error
	}{{bus.DatabaseReply{}, nil}, {bus.DatabaseReply{Code: bus.CodeNobody, Message: "the term ended"}, bus.ErrRefused}} {
		f := &fake{serves: true, reply: c.reply, other: replication.PeerState{State: bus.PeerAwaited, Levels: own}}
		l := Levels{Host: "a", Remote: named("b"), Term: f}
		err := l.rise(t.Context(), own.Newest)
		if !errors.Is(err, c.want) || len(f.rose) != 1 || f.rose[0] != own.Newest {
			t.Errorf("reply %+v: %v, rose %v", c.reply, err, f.rose)
		}
	}
}

// named is another host.
type named string

func (n named) Peer() string { return string(n) }

// A host that has not met the other one says so, and names nobody by nothing.
func TestLevels_BeforeTheOtherHostIsKnown(t *testing.T) {
	l := Levels{Host: "a", Remote: named(""), Term: &fake{}}
	if f := l.found(replication.PeerState{}); f.Peer != "the other host" {
		t.Errorf("%+v", f)
	}
}
