package load

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/hotpair/hotpair/bus"
)

// The operations of service kv that histories hold.
const (
	opPut    = "put"
	opGet    = "get"
	opCAS    = "cas"
	opDelete = "delete"
)

// asked is an operation on a key.
type asked struct {
	operation string
	key       string
	value     int    // of put and cas; never used twice
	revision  uint64 // expected by cas
}

// got is its result.
type got struct {
	unknown  bool // no definite answer: it may have taken effect, or may do so any time later
	code     int
	value    int    // of get
	revision uint64 // seen by get, or made by the write
	epoch    uint64 // of a write
}

// register is the state of one key. A comparable value: the checker compares them.
type register struct {
	present  bool
	value    int
	revision uint64 // of the last write, delete included; when !known a bound that it is above
	known    bool
}

// possible returns the states of a key after an operation, none if its answer is impossible.
func possible(r register, in asked, out got) []register {
	if out.unknown {
		return afterUnknown(r, in)
	}
	refused := []register{r}
	// A revision is never used twice, and grows.
	written := func(next register) []register {
		if out.code != bus.CodeOK || out.revision <= r.revision {
			return nil
		}
		next.revision, next.known = out.revision, true
		return []register{next}
	}
	switch in.operation {
	case opGet:
		return afterGet(r, out)
	case opPut:
		return written(register{present: true, value: in.value})
	case opCAS:
		if out.code == bus.CodeConflict {
			if fits(r, in.revision) && r.known {
				return nil
			}
			return refused // an unknown revision may have been another one
		}
		if !fits(r, in.revision) {
			return nil
		}
		return written(register{present: true, value: in.value})
	case opDelete:
		if out.code == bus.CodeAbsent {
			if r.present {
				return nil
			}
			return refused
		}
		if !r.present {
			return nil
		}
		return written(register{})
	}
	return nil
}

// fits reports whether a cas with an expected revision may succeed; 0 means absent.
func fits(r register, expected uint64) bool {
	switch {
	case !r.present:
		return expected == 0
	case r.known:
		return expected == r.revision
	}
	return expected > r.revision
}

func afterGet(r register, out got) []register {
	switch {
	case out.code == bus.CodeAbsent:
		if r.present {
			return nil
		}
		return []register{r}
	case out.code != bus.CodeOK || !r.present || out.value != r.value:
		return nil
	case r.known && out.revision != r.revision, !r.known && out.revision <= r.revision:
		return nil
	}
	r.revision, r.known = out.revision, true
	return []register{r}
}

// afterUnknown: it did nothing (an operation that never takes effect is put at the end of the history, where it is
// harmless), or it wrote, at an unknown revision.
func afterUnknown(r register, in asked) []register {
	states := []register{r}
	bound := r.revision
	switch in.operation {
	case opPut:
		states = append(states, register{present: true, value: in.value, revision: bound})
	case opCAS:
		if fits(r, in.revision) {
			states = append(states, register{present: true, value: in.value, revision: max(bound, in.revision)})
		}
	case opDelete:
		if r.present {
			states = append(states, register{revision: bound})
		}
	}
	return states
}

// model is service kv as one copy that executes each request once, key by key.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[string][]porcupine.Operation{}
			for _, op := range history {
				key := op.Input.(asked).key
				byKey[key] = append(byKey[key], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range byKey {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() []any { return []any{register{known: true}} },
		Step: func(state, in, out any) []any {
			var next []any
			for _, r := range possible(state.(register), in.(asked), out.(got)) {
				next = append(next, r)
			}
			return next
		},
		Equal: func(a, b any) bool { return a == b },
		DescribeOperation: func(in, out any) string {
			return describeOperation(in.(asked), out.(got))
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return m.ToModel()
}

func describeOperation(i asked, o got) string {
	text := i.operation + " " + i.key
	switch i.operation {
	case opPut:
		text += fmt.Sprintf("=%d", i.value)
	case opCAS:
		text += fmt.Sprintf("@%d=%d", i.revision, i.value)
	}
	switch {
	case o.unknown:
		return text + " → ?"
	case o.code != 0:
		return text + fmt.Sprintf(" → %d", o.code)
	case i.operation == opGet:
		return text + fmt.Sprintf(" → %d@%d", o.value, o.revision)
	}
	return text + fmt.Sprintf(" → %d/%d", o.epoch, o.revision)
}

// history is the operations of a round.
type history struct {
	mu         sync.Mutex
	began      time.Time
	operations []porcupine.Operation
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

// add records an operation that was called at a time. One with an unknown outcome stays open: see sealed.
func (h *history) add(client int, in asked, out got, called int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: called, Return: h.now()})
}

// sealed returns the operations; open ones last to the end of all.
func (h *history) sealed() []porcupine.Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.Clone(h.operations)
	end := h.now()
	for i := range list {
		if list[i].Output.(got).unknown {
			end++
			list[i].Return = end
		}
	}
	return list
}

// crossed counts the operations on keys that were written in more than one epoch: those that a takeover could have
// affected.
func crossed(operations []porcupine.Operation) (count int) {
	epochs := map[string]map[uint64]bool{}
	byKey := map[string]int{}
	for _, op := range operations {
		key := op.Input.(asked).key
		byKey[key]++
		if e := op.Output.(got).epoch; e != 0 {
			if epochs[key] == nil {
				epochs[key] = map[uint64]bool{}
			}
			epochs[key][e] = true
		}
	}
	for key, n := range byKey {
		if len(epochs[key]) > 1 {
			count += n
		}
	}
	return count
}

// stale finds the reads that showed less than was acknowledged, or shown, before they began. porcupine finds them
// too; this says which.
func stale(operations []porcupine.Operation) []string {
	var found []string
	byKey := map[string][]porcupine.Operation{}
	for _, op := range operations {
		byKey[op.Input.(asked).key] = append(byKey[op.Input.(asked).key], op)
	}
	for _, ops := range byKey {
		byReturn := slices.Clone(ops)
		slices.SortFunc(byReturn, func(a, b porcupine.Operation) int { return int(a.Return - b.Return) })
		slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
		seen, next := uint64(0), 0
		var by porcupine.Operation
		for _, op := range ops {
			for ; next < len(byReturn) && byReturn[next].Return < op.Call; next++ {
				if o := byReturn[next].Output.(got); !o.unknown && o.revision > seen {
					seen, by = o.revision, byReturn[next]
				}
			}
			in, out := op.Input.(asked), op.Output.(got)
			if in.operation == opGet && !out.unknown && out.code == 0 && out.revision < seen {
				found = append(found, fmt.Sprintf("%s by client %d at %s, after %s by client %d had returned at %s", describeOperation(in, out), op.ClientId,
					time.Duration(op.Call), describeOperation(by.Input.(asked), by.Output.(got)), by.ClientId, time.Duration(by.Return)))
			}
		}
	}
	return found
}
