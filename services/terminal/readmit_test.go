package terminal

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
)

// TestFault_A14_ReadmitTakesAnEpochBack: an agent that had followed a restored copy refused the real pair for good, and nothing
// but a new directory, which forgets what it has given to requests, helped.
func TestFault_A14_ReadmitTakesAnEpochBack(t *testing.T) {
	dir := t.TempDir()
	if _, err := Readmit(dir, func(Accepted) error { return nil }); !errors.Is(err, ErrNothing) {
		t.Fatalf("in an empty directory: %v", err)
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = s.update(func(f *facts) {
		*f = facts{PairID: "P", Epoch: 1_000_007, Host: "a", Identity: "copy", Attach: 3, Counter: 512}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Readmit(dir, func(Accepted) error { return nil }); !errors.Is(err, ErrInUse) {
		t.Fatalf("while an agent works there: %v", err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	no := errors.New("not that one")
	if _, err := Readmit(dir, func(Accepted) error { return no }); !errors.Is(err, no) {
		t.Fatalf("unconfirmed: %v", err)
	}
	was, err := Readmit(dir, func(a Accepted) error { return nil })
	if err != nil || was != (Accepted{PairID: "P", Epoch: 1_000_007, Host: "a", Identity: "copy"}) {
		t.Fatalf("%+v, %v", was, err)
	}
	if s, err = openStore(dir); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if f := s.get(); f != (facts{PairID: "P", Counter: 512, Barred: "copy"}) {
		t.Errorf("left are %+v", f)
	}
	a := &Agent{store: s}
	order := bus.AgentAttach{PairID: "P", Host: "a", Identity: "copy", Epoch: 1_000_008, Counter: 1, Session: "s"}
	if err := a.mayAttach(order); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("the copy is accepted again: %v", err)
	}
	order.Identity, order.Epoch, order.Base = "real", 7, 1 // what the pair has of its numbers it says anew
	if err := a.mayAttach(order); err != nil {
		t.Errorf("the real pair is refused: %v", err)
	}
}
