package terminal

import (
	"testing"
	"time"
)

func TestPace_CountsTheLastSecondsOnly(t *testing.T) {
	var p pace
	at := time.Unix(1000, 0)
	want := func(n int) {
		t.Helper()
		if got := p.recent(at); got != n {
			t.Errorf("%d requests, want %d", got, n)
		}
	}
	want(0)
	for range 3 {
		p.note(at)
	}
	at = at.Add(paceOver - 1)
	p.note(at)
	want(4)
	at = at.Add(paceOver) // all four are of the stretch before
	p.note(at)
	want(5)
	at = at.Add(paceOver)
	want(1)
	at = at.Add(2 * paceOver)
	want(0)
}
