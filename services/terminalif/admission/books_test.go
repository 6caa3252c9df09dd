package admission

import "testing"

func TestBooks_CountEachTerminalAndAll(t *testing.T) {
	b := NewBooks(Bounds{PerTerminal: 2, InAll: 3, PerTerminalBytes: 100, InAllBytes: 150})
	full := func(what, terminal string, size int, want bool) {
		t.Helper()
		if b.Full(terminal, size) != want {
			t.Errorf("%s: full %t", what, !want)
		}
	}
	full("nothing", "t1", 100, false)
	full("too large", "t1", 101, true)
	b.Enter("t1", 60)
	full("its bytes", "t1", 41, true)
	b.Enter("t1", 1)
	full("its number", "t1", 1, true)
	full("another", "t2", 89, false)
	full("all bytes", "t2", 90, true)
	b.Enter("t2", 1)
	full("all in number", "t3", 1, true)
	if b.Beside("t1") != 1 || b.Beside("t2") != 2 || b.Beside("t3") != 3 {
		t.Errorf("beside them: %d, %d, %d", b.Beside("t1"), b.Beside("t2"), b.Beside("t3"))
	}
	b.Leave("t1", 60)
	full("one left", "t3", 1, false)
	b.Leave("t1", 1)
	b.Leave("t2", 1)
	if len(b.of) != 0 || b.all != (load{}) {
		t.Errorf("all have left: %+v", b)
	}
	b.Enter("t1", 5)
	b.Clear()
	if len(b.of) != 0 || b.all != (load{}) {
		t.Errorf("cleared: %+v", b)
	}
}
