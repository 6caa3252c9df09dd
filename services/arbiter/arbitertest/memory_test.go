package arbitertest

import (
	"context"
	"errors"
	"testing"

	"github.com/hotpair/hotpair/services/arbiter"
)

func TestMemory_IsARegister(t *testing.T) {
	Conformance(t, func(*testing.T) (arbiter.Register, arbiter.Register) {
		m := NewMemory()
		return m.Client(), m.Client()
	})
}

func TestClient_LostRequest_HasNoEffect(t *testing.T) {
	m := NewMemory()
	a := m.Client()
	a.Next(LoseRequest)
	if _, err := write(t, a, Sample("memory-0"), 0); !errors.Is(err, arbiter.ErrUnknown) {
		t.Fatalf("Write = %v, want ErrUnknown", err)
	}
	if v := m.Value(); !v.Empty {
		t.Errorf("register holds %+v", v)
	}
}

func TestClient_LostReply_HasEffect(t *testing.T) {
	m := NewMemory()
	a := m.Client()
	a.Next(LoseReply)
	if _, err := write(t, a, Sample("memory-0"), 0); !errors.Is(err, arbiter.ErrUnknown) {
		t.Fatalf("Write = %v, want ErrUnknown", err)
	}
	if v := m.Value(); v.Empty || v.Revision != 1 {
		t.Errorf("register holds %+v", v)
	}
}

func TestClient_DelayedWrite_LandsLaterOrLoses(t *testing.T) {
	m := NewMemory()
	a, b := m.Client(), m.Client()
	a.Next(Delay, Delay)
	for range 2 {
		if _, err := write(t, a, Sample("memory-0"), 0); !errors.Is(err, arbiter.ErrUnknown) {
			t.Fatalf("Write = %v, want ErrUnknown", err)
		}
	}
	if v := read(t, b); !v.Empty {
		t.Errorf("the read-back of a delayed write shows %+v", v)
	}
	if n := a.Land(); n != 2 {
		t.Errorf("Land = %d, want 2", n)
	}
	if v := read(t, b); v.Revision != 1 {
		t.Errorf("after landing the register holds %+v, want revision 1: the second one lost", v)
	}
}

func TestClient_Cut_IsUnreachableForItAlone(t *testing.T) {
	m := NewMemory()
	a, b := m.Client(), m.Client()
	a.Cut()
	if _, err := a.Read(context.Background()); !errors.Is(err, arbiter.ErrUnreachable) {
		t.Errorf("Read = %v, want ErrUnreachable", err)
	}
	mustWrite(t, b, Sample("memory-0"), 0)
	a.Heal()
	if v := read(t, a); v.Revision != 1 {
		t.Errorf("after Heal a reads %+v", v)
	}
}

func TestMemory_ReplaceAndSnapshot(t *testing.T) {
	m := NewMemory()
	a := m.Client()
	restore := m.Snapshot()
	mustWrite(t, a, Sample("memory-0"), 0)
	restore()
	if v := read(t, a); !v.Empty {
		t.Errorf("after restore: %+v", v)
	}
	m.Replace()
	if _, err := write(t, a, Sample("memory-0"), 0); !errors.Is(err, arbiter.ErrOtherWitness) {
		t.Errorf("Write to a replaced register = %v, want ErrOtherWitness", err)
	}
}
