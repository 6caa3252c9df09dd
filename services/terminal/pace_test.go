package terminal

import (
	"testing"
	"time"
)

func TestPace_CountsTheLastSecondsOnly(t *testing.T) {
	var p Pace
	at := time.Unix(1000, 0)
	want := func(n int) {
		t.Helper()
		if got := p.Recent(at); got != n {
			t.Errorf("%d requests, want %d", got, n)
		}
	}
	want(0)
	for range 3 {
		p.Note(at)
	}
	at = at.Add(paceOver - 1)
	p.Note(at)
	want(4)
	at = at.Add(paceOver) // all four are of the stretch before
	p.Note(at)
	want(5)
	at = at.Add(paceOver)
	want(1)
	at = at.Add(2 * paceOver)
	want(0)
}
