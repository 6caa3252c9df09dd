package commands

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

var (
	own      = Taker{Directory: "d1", Token: "r1"}
	restart  = Taker{Directory: "d1", Token: "r2"}
	stranger = Taker{Directory: "d2", Token: "r3"}
)

func command(s State, by Taker) *Command {
	return &Command{Number: position.Number{Epoch: 5, Sequence: 9}, Until: 100, State: s, By: by, At: 10}
}

func TestTake_OnlyTheFirstIsHandedOut(t *testing.T) {
	for what, c := range map[string]struct {
		is   *Command
		by   Taker
		f    Facts
		want Verdict
		then State
	}{
		"the first":                           {command(Open, Taker{}), own, Facts{Now: 50}, First, Taken},
		"at the last moment":                  {command(Open, Taker{}), own, Facts{Now: 100}, First, Taken},
		"too late":                            {command(Open, Taker{}), own, Facts{Now: 101}, TooLate, Late},
		"late before":                         {command(Late, Taker{}), own, Facts{Now: 50}, TooLate, Late},
		"the answer was lost":                 {command(Taken, own), own, Facts{Now: 50}, First, Taken},
		"the answer was lost, and it is late": {command(Taken, own), own, Facts{Now: 500}, First, Taken},
		"the agent was killed":                {command(Taken, own), restart, Facts{Now: 50}, Doubtful, Unknown},
		"another directory":                   {command(Taken, own), stranger, Facts{Now: 50}, Doubtful, Unknown},
		"known to be unknown":                 {command(Unknown, own), own, Facts{Now: 50}, Doubtful, Unknown},
		"done":                                {command(Done, own), own, Facts{Now: 50}, Settled, Done},
		"done by another directory":           {command(Done, own), stranger, Facts{Now: 50}, Settled, Done},
		"forgotten":                           {nil, own, Facts{Now: 50}, Gone, Open},
		"a history was taken back":            {command(Open, Taker{}), own, Facts{Now: 50, TakenBack: 6}, Void, Unknown},
		"taken back and late":                 {command(Open, Taker{}), own, Facts{Now: 500, TakenBack: 6}, Void, Unknown},
		"made after one was taken back":       {command(Open, Taker{}), own, Facts{Now: 50, TakenBack: 5}, First, Taken},
		"taken here before it was":            {command(Taken, own), own, Facts{Now: 50, TakenBack: 6}, First, Taken},
	} {
		next, v := Take(c.is, c.by, c.f)
		if v != c.want || c.is != nil && next.State != c.then {
			t.Errorf("%s: %v, then %v; want %v, %v", what, v, next.State, c.want, c.then)
		}
		if c.is != nil && next != *c.is && next.At != c.f.Now {
			t.Errorf("%s: it has changed at %d, and the time is %d", what, next.At, c.f.Now)
		}
		if v == First && next.By != c.by {
			t.Errorf("%s: taken by %v", what, next.By)
		}
	}
}

func TestFinish_OnlyByWhoTookIt(t *testing.T) {
	for what, c := range map[string]struct {
		is   *Command
		by   Taker
		want Verdict
		then State
	}{
		"under the token":           {command(Taken, own), own, Settled, Done},
		"after a restart":           {command(Taken, own), restart, Settled, Done},
		"after it was unknown":      {command(Unknown, own), restart, Settled, Done},
		"again":                     {command(Done, own), own, Settled, Done},
		"by another directory":      {command(Taken, own), stranger, Gone, Taken},
		"one that nobody has taken": {command(Open, Taker{}), own, Gone, Open},
		"one that was late":         {command(Late, Taker{}), own, Gone, Late},
		"one that was void":         {command(Unknown, Taker{}), own, Gone, Unknown},
		"none":                      {nil, own, Gone, Open},
	} {
		if next, v := Finish(c.is, c.by, Facts{Now: 50}); v != c.want || c.is != nil && next.State != c.then {
			t.Errorf("%s: %v, then %v", what, v, next.State)
		}
	}
}

func TestPass_NothingStaysOpenOrTaken(t *testing.T) {
	patience, kept := int64(Patience), int64(Kept)
	for what, c := range map[string]struct {
		is   *Command
		f    Facts
		then State
		keep bool
	}{
		"open":              {command(Open, Taker{}), Facts{Now: 100}, Open, true},
		"its time is over":  {command(Open, Taker{}), Facts{Now: 101}, Late, true},
		"void":              {command(Open, Taker{}), Facts{Now: 101, TakenBack: 6}, Unknown, true},
		"taken":             {command(Taken, own), Facts{Now: 10 + patience}, Taken, true},
		"silence":           {command(Taken, own), Facts{Now: 11 + patience}, Unknown, true},
		"done, and kept":    {command(Done, own), Facts{Now: 10 + kept}, Done, true},
		"done, and over":    {command(Done, own), Facts{Now: 11 + kept}, Done, false},
		"late, and over":    {command(Late, Taker{}), Facts{Now: 11 + kept}, Late, false},
		"unknown, and over": {command(Unknown, own), Facts{Now: 11 + kept}, Unknown, false},
	} {
		next, keep := Pass(c.is, c.f)
		if next.State != c.then || keep != c.keep {
			t.Errorf("%s: %v, %v", what, next.State, keep)
		}
		if before := (next != *c.is || !keep); before != (c.f.Now > c.is.Due()) {
			t.Errorf("%s: it changes at %d, and is due at %d", what, c.f.Now, c.is.Due())
		}
	}
	// What is settled goes, however long it might have been taken: it counts against what a service may tell the terminal.
	long := &Command{Number: position.Number{Epoch: 5, Sequence: 9}, Until: int64(MaxWithin), State: Done, By: own, At: 10}
	if _, keep := Pass(long, Facts{Now: 11 + kept}); keep {
		t.Error("what is done is kept until its own time is over")
	}
	// A command is never forgotten while it could still be taken, whatever the bounds say.
	if _, keep := Pass(&Command{Until: int64(MaxWithin), At: 10}, Facts{Now: int64(MaxWithin)}); !keep {
		t.Error("what is open is forgotten")
	}
	if Kept <= 0 || Patience <= 0 || MaxWithin < time.Second {
		t.Error("bounds")
	}
}
