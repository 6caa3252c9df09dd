package load

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// operation makes one for the tables below; times are in arbitrary units.
func operation(in asked, out got, call, back int64) porcupine.Operation {
	in.key = "k"
	return porcupine.Operation{Input: in, Output: out, Call: call, Return: back}
}

// TestModel_JudgesHistories: what a correct pair may answer passes, each kind of harm is caught.
func TestModel_JudgesHistories(t *testing.T) {
	const forever = int64(1000)
	put := func(value int, revision uint64, call, back int64) porcupine.Operation {
		return operation(asked{operation: opPut, value: value}, got{revision: revision, epoch: 1}, call, back)
	}
	open := func(in asked, call int64) porcupine.Operation {
		return operation(in, got{unknown: true}, call, forever)
	}
	get := func(value int, revision uint64, call, back int64) porcupine.Operation {
		return operation(asked{operation: opGet}, got{value: value, revision: revision}, call, back)
	}
	coded := func(in asked, code int, call, back int64) porcupine.Operation {
		return operation(in, got{code: code}, call, back)
	}
	cas := func(value int, expected uint64) asked {
		return asked{operation: opCAS, value: value, revision: expected}
	}
	for name, test := range map[string]struct {
		history []porcupine.Operation
		want    porcupine.CheckResult
	}{
		"put then get":                   {[]porcupine.Operation{put(1, 5, 0, 1), get(1, 5, 2, 3)}, porcupine.Ok},
		"stale get":                      {[]porcupine.Operation{put(1, 5, 0, 1), put(2, 6, 2, 3), get(1, 5, 4, 5)}, porcupine.Illegal},
		"get of before while put runs":   {[]porcupine.Operation{put(1, 5, 0, 1), put(2, 6, 2, 9), get(1, 5, 4, 5)}, porcupine.Ok},
		"lost put":                       {[]porcupine.Operation{put(1, 5, 0, 1), coded(asked{operation: opGet}, 404, 2, 3)}, porcupine.Illegal},
		"doubled put":                    {[]porcupine.Operation{put(1, 5, 0, 1), get(1, 6, 2, 3)}, porcupine.Illegal},
		"revision goes back":             {[]porcupine.Operation{put(1, 5, 0, 1), put(2, 4, 2, 3)}, porcupine.Illegal},
		"open put seen late":             {[]porcupine.Operation{put(1, 5, 0, 1), open(asked{operation: opPut, value: 2}, 2), get(1, 5, 4, 5), get(2, 7, 6, 7)}, porcupine.Ok},
		"open put seen and gone":         {[]porcupine.Operation{put(1, 5, 0, 1), open(asked{operation: opPut, value: 2}, 2), get(2, 7, 4, 5), get(1, 5, 6, 7)}, porcupine.Illegal},
		"open put never":                 {[]porcupine.Operation{put(1, 5, 0, 1), open(asked{operation: opPut, value: 2}, 2), get(1, 5, 4, 5)}, porcupine.Ok},
		"open cas that could not fit":    {[]porcupine.Operation{put(1, 5, 0, 1), open(cas(2, 4), 2), get(2, 7, 4, 5)}, porcupine.Illegal},
		"open delete seen":               {[]porcupine.Operation{put(1, 5, 0, 1), open(asked{operation: opDelete}, 2), coded(asked{operation: opGet}, 404, 4, 5)}, porcupine.Ok},
		"cas on what is there":           {[]porcupine.Operation{put(1, 5, 0, 1), operation(cas(2, 5), got{revision: 6}, 2, 3), get(2, 6, 4, 5)}, porcupine.Ok},
		"cas on what is not there":       {[]porcupine.Operation{put(1, 5, 0, 1), operation(cas(2, 4), got{revision: 6}, 2, 3)}, porcupine.Illegal},
		"conflict though it fits":        {[]porcupine.Operation{put(1, 5, 0, 1), coded(cas(2, 5), 409, 2, 3)}, porcupine.Illegal},
		"two win the same cas":           {[]porcupine.Operation{put(1, 5, 0, 1), operation(cas(2, 5), got{revision: 6}, 2, 9), operation(cas(3, 5), got{revision: 7}, 2, 9)}, porcupine.Illegal},
		"delete of what is absent":       {[]porcupine.Operation{coded(asked{operation: opDelete}, 404, 0, 1)}, porcupine.Ok},
		"delete denied though present":   {[]porcupine.Operation{put(1, 5, 0, 1), coded(asked{operation: opDelete}, 404, 2, 3)}, porcupine.Illegal},
		"deleted, and there again":       {[]porcupine.Operation{put(1, 5, 0, 1), operation(asked{operation: opDelete}, got{revision: 6}, 2, 3), get(1, 5, 4, 5)}, porcupine.Illegal},
		"revision of open put is higher": {[]porcupine.Operation{put(1, 5, 0, 1), open(asked{operation: opPut, value: 2}, 2), get(2, 4, 4, 5)}, porcupine.Illegal},
	} {
		t.Run(name, func(t *testing.T) {
			if result := porcupine.CheckOperationsTimeout(model(), test.history, 10*time.Second); result != test.want {
				t.Errorf("got %s, want %s", result, test.want)
			}
		})
	}
}

// TestStale_NamesTheRead: a read that shows less than what was acknowledged before it began.
func TestStale_NamesTheRead(t *testing.T) {
	put := operation(asked{operation: opPut, value: 2}, got{revision: 6, epoch: 2}, 2, 3)
	old := func(call int64) porcupine.Operation {
		return operation(asked{operation: opGet}, got{value: 1, revision: 5}, call, 9)
	}
	if found := stale([]porcupine.Operation{put, old(1)}); len(found) != 0 {
		t.Errorf("a read that began before is no stale one: %v", found)
	}
	if found := stale([]porcupine.Operation{old(4), put}); len(found) != 1 {
		t.Errorf("found %v", found)
	}
}

// TestCrossed_CountsKeysOfSeveralEpochs: only operations on keys that were written in more than one epoch say anything
// about takeovers.
func TestCrossed_CountsKeysOfSeveralEpochs(t *testing.T) {
	write := func(key string, epoch uint64) porcupine.Operation {
		return porcupine.Operation{Input: asked{operation: opPut, key: key}, Output: got{epoch: epoch, revision: 1}}
	}
	if n := crossed([]porcupine.Operation{write("a", 1), write("a", 2), write("b", 1), write("b", 1)}); n != 2 {
		t.Errorf("crossed %d, want 2", n)
	}
}
