package processes

import (
	"testing"

	"github.com/hotpair/hotpair/services/role"
)

// inputs are what a machine is given.
type inputs chan role.Input

func (i inputs) Give(in role.Input) { i <- in }

// A standby whose disk had turned read-only, or had no inodes, called itself fit until it had to take over. What its updater says of the disk
// makes it unfit at once, with the cause, and fit again.
func TestFault_B8_AHostIsUnfitWhileItsDiskIs(t *testing.T) {
	m := make(inputs, 10)
	f := NewFitness(m)
	f.Give(role.Fitness{Fit: true})
	f.Write("out of inodes")
	f.Write("out of inodes") // it stands in each beat
	f.Write("")
	f.Write("")
	for n, want := range []role.Input{role.Fitness{Fit: true}, role.Fitness{Why: "out of inodes"}, role.Fitness{Fit: true}} {
		if in := <-m; in != want {
			t.Errorf("%d: the machine hears %+v, want %+v", n, in, want)
		}
	}
	if len(m) != 0 {
		t.Errorf("and %+v", <-m)
	}
}

// TestFault_A4_NotFitWhileTheCopyCanNotBeWritten: a host whose own copy of the record can't be written can't take the role.
func TestFault_A4_NotFitWhileTheCopyCanNotBeWritten(t *testing.T) {
	m := make(inputs, 10)
	f := NewFitness(m)
	f.Keep("")
	f.Keep("disk")
	f.Give(role.Fitness{Why: "updater is not ready"})
	f.Give(role.Fitness{Fit: true})
	f.Give(role.ProcessFailed{Process: "kv"})
	f.Keep("")
	for n, want := range []role.Input{role.Fitness{Why: "updater is not ready"}, role.Fitness{Why: "disk"}, role.ProcessFailed{Process: "kv"}, role.Fitness{Fit: true}} {
		if in := <-m; in != want {
			t.Errorf("%d: the machine hears %+v, want %+v", n, in, want)
		}
	}
	if len(m) != 0 {
		t.Errorf("and %+v", <-m)
	}
}
