package mainprocess

import (
	"testing"

	"github.com/hotpair/hotpair/services/role"
)

// A standby whose disk had turned read-only, or had no inodes, called itself fit until it had to take over. What its updater says of the disk
// makes it unfit at once, with the cause, and fit again.
func TestFault_B8_AHostIsUnfitWhileItsDiskIs(t *testing.T) {
	d := &driver{inputs: make(chan envelope, 10)}
	f := &fitness{driver: d}
	f.Give(role.Fitness{Fit: true})
	f.write("out of inodes")
	f.write("out of inodes") // it stands in each beat
	f.write("")
	f.write("")
	for n, want := range []role.Input{role.Fitness{Fit: true}, role.Fitness{Why: "out of inodes"}, role.Fitness{Fit: true}} {
		if e := <-d.inputs; e.in != want {
			t.Errorf("%d: the machine hears %+v, want %+v", n, e.in, want)
		}
	}
	if len(d.inputs) != 0 {
		t.Errorf("and %+v", (<-d.inputs).in)
	}
}

// TestFault_A4_NotFitWhileTheCopyCanNotBeWritten: a host whose own copy of the record can't be written can't take the role.
func TestFault_A4_NotFitWhileTheCopyCanNotBeWritten(t *testing.T) {
	d := &driver{inputs: make(chan envelope, 10)}
	f := &fitness{driver: d}
	f.keep("")
	f.keep("disk")
	f.Give(role.Fitness{Why: "updater is not ready"})
	f.Give(role.Fitness{Fit: true})
	f.Give(role.ProcessFailed{Process: "kv"})
	f.keep("")
	for n, want := range []role.Input{role.Fitness{Why: "updater is not ready"}, role.Fitness{Why: "disk"}, role.ProcessFailed{Process: "kv"}, role.Fitness{Fit: true}} {
		if e := <-d.inputs; e.in != want {
			t.Errorf("%d: the machine hears %+v, want %+v", n, e.in, want)
		}
	}
	if len(d.inputs) != 0 {
		t.Errorf("and %+v", (<-d.inputs).in)
	}
}
