package queue

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)

// free lets any number be given.
func free(uint64) error { return nil }

// always says that there is room.
func always(uint64) bool { return true }

func openStore(t testing.TB, dir string, b Bounds) *Store {
	t.Helper()
	s, err := Open(dir, "t1", 0, free, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// asked is the request that every run queues under a number.
func asked(number uint64) Request {
	r := Request{Lane: fmt.Sprint("lane", number%3), Service: "till", Operation: "sell", Body: fmt.Appendf(nil, `{"n":%d}`, number)}
	if number%7 == 0 {
		r.Body = fmt.Appendf(nil, `"%0*d"`, int(number*7919%30_000), number)
	}
	if number%5 == 0 {
		r.Key = fmt.Sprint("key", number)
	}
	return r
}

// answered is what came of it.
func answered(number uint64) Finished {
	f := Finished{number, Outcome{Body: fmt.Appendf(nil, `{"done":%d}`, number), Position: position.Position{Epoch: 1, Sequence: number}, At: begin.Add(time.Minute)}}
	switch number % 11 {
	case 3:
		f.Outcome = Outcome{Code: 409, Message: fmt.Sprint("no ", number), At: begin}
	case 4:
		f.Outcome = Outcome{Unknown: true, Code: 500, Message: fmt.Sprint("fault ", number), At: begin}
	}
	return f
}

// same says how what is told under a number differs from what was queued there, and from what came of it; "" if it does not.
func same(number uint64, t Told) string {
	r, f := asked(number), answered(number)
	switch {
	case t.Key != r.Key || t.Lane != r.Lane || t.Service != r.Service || t.Operation != r.Operation:
		return "another request"
	case t.State == Waiting.String() && (t.Code != 0 || t.Body != nil):
		return "an outcome of what waits"
	case t.State == Waiting.String():
		return ""
	case t.Code != f.Code || t.Error != f.Message || !bytes.Equal(t.Body, f.Body) || (t.State == Unsure.String()) != f.Unknown:
		return "another outcome"
	}
	return ""
}

// put queues requests, the next ones that there are.
func put(t testing.TB, s *Store, n int) (list []Queued) {
	t.Helper()
	var requests []Request
	for i := range n {
		requests = append(requests, asked(s.Last()+uint64(i)+1))
	}
	list, err := s.Put(requests, begin, always)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		if q.Err != nil {
			t.Fatal(q.Err)
		}
	}
	return list
}

// finish has requests come to their end.
func finish(t testing.TB, s *Store, numbers ...uint64) {
	t.Helper()
	var list []Finished
	for _, n := range numbers {
		list = append(list, answered(n))
	}
	told, err := s.Finish(list)
	if err != nil || len(told) != len(list) {
		t.Fatalf("told %d of %d, %v", len(told), len(list), err)
	}
	for i, one := range told {
		if wrong := same(numbers[i], one); wrong != "" {
			t.Errorf("%d: %s: %+v", numbers[i], wrong, one)
		}
	}
}

// all returns what is told of all that there is.
func all(t testing.TB, s *Store) map[uint64]Told {
	t.Helper()
	list := map[uint64]Told{}
	for n, it := range s.items {
		one, err := s.Get(it.id, "")
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		list[n] = one
		if it.state != Waiting {
			continue
		}
		r, err := s.Request(n)
		if want := asked(n); err != nil || !bytes.Equal(r.Body, want.Body) || r.digest() != want.digest() {
			t.Errorf("%d is another request: %.100s, %v", n, r.Body, err)
		}
	}
	return list
}
