package bus

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/hotpair/hotpair/storage/position"
)

// samples have every field of every kind of content, and none.
func samples() (requests []Request, replies []Reply, calls []DatabaseCall, answers []DatabaseReply) {
	id := RequestID{Terminal: "till-7", Counter: 1 << 40}
	at := position.Position{Epoch: 7, Sequence: 1 << 33}
	reply := Reply{Code: 409, Message: "ü is not enough", Body: []byte(`{"a":1}`), Position: at, Receipt: []byte{1, 2, 3}}
	requests = []Request{{}, {
		ID: id, Oldest: 24, Attempt: 2, Crashes: 1, Epoch: 300, Service: "kv", Operation: "put",
		Body: bytes.Repeat([]byte("x"), 70_000), Remaining: 30e9,
	}, {ID: RequestID{App: "2026-01-02T15:04:05Z/abc"}, Service: "kv", Operation: "get"}}
	replies = []Reply{{}, reply}
	calls = []DatabaseCall{
		{},
		{Read: &Read{ID: id, Keys: [][]byte{[]byte("a"), {}}}},
		{Scan: &Scan{Prefix: []byte("p"), After: []byte("q"), Limit: 1000, At: at, ID: id}},
		{Commit: &Commit{
			ID: id, Oldest: 5, Attempt: 3, Epoch: 7, Record: true,
			Conditions: []Condition{{Key: []byte("c"), Revision: 9}, {Key: []byte("d"), Present: true}},
			Operations: []Operation{{Key: []byte("k"), Value: []byte("v")}, {Key: []byte("gone"), Delete: true}},
			Answer:     Answer{Code: 404, Message: "absent", Body: []byte("{}"), Revision: true},
		}},
	}
	answers = []DatabaseReply{{}, {
		Code: 409, Message: "no", Position: at, More: true, Recorded: &reply, Conflicts: [][]byte{[]byte("k")},
		Items: []Item{{Key: []byte("k"), Value: []byte("v"), Revision: 3}, {Key: []byte("absent")}},
	}}
	return requests, replies, calls, answers
}

func numberedAll[T any](values []T) []numbered[T] {
	var items []numbered[T]
	for i, v := range values {
		items = append(items, numbered[T]{Number: uint64(i) * 100, Value: v})
	}
	return items
}

// checkWire writes by hand and by the library, and reads each with the other.
func checkWire[T any](t *testing.T, values []T) {
	t.Helper()
	items := numberedAll(values)
	ours, err := encodePack(items, 100)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := Encode(pack[T]{items})
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{b: theirs[1:]}
	if readPack[T](r); r.odd && !bytes.Contains(theirs, []byte{0xf6}) {
		t.Errorf("%T: what the library writes is odd to our reader", values)
	}
	r = &reader{b: ours[1:]}
	got := readPack[T](r)
	if r.odd || len(r.b) > 0 {
		t.Fatalf("%T: our reader finds our own bytes odd", values)
	}
	var want pack[T]
	if err := Decode(ours, &want); err != nil {
		t.Fatalf("%T: the library does not read our bytes: %v", values, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%T: we read\n%+v\nthe library\n%+v", values, got, want)
	}
	var again pack[T]
	if err := Decode(theirs, &again); err != nil {
		t.Fatal(err)
	}
	if a, b := mustEncode(t, want), mustEncode(t, again); !bytes.Equal(a, b) {
		t.Errorf("%T: written by hand\n%x\nby the library\n%x", values, a, b)
	}
}

func mustEncode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, []byte{0xf6}, []byte{0x40}) // no bytes: nil or empty
}

func TestWire_IsWhatTheLibraryReadsAndWrites(t *testing.T) {
	requests, replies, calls, answers := samples()
	checkWire(t, requests)
	checkWire(t, replies)
	checkWire(t, calls)
	checkWire(t, answers)
}

// TestWire_KnowsEveryField fails when a field is added to a struct and not here: its value would be lost.
func TestWire_KnowsEveryField(t *testing.T) {
	for _, c := range []struct {
		of    any
		known int
	}{
		{RequestID{}, 3}, {Request{}, 9}, {Reply{}, 5}, {DatabaseCall{}, 3}, {DatabaseReply{}, 7}, {Item{}, 3}, {Read{}, 2}, {Scan{}, 5},
		{Commit{}, 8}, {Condition{}, 3}, {Operation{}, 3}, {Answer{}, 4}, {position.Position{}, 2},
	} {
		if n := reflect.TypeOf(c.of).NumField(); n != c.known {
			t.Errorf("%T has %d fields, %d are read and written", c.of, n, c.known)
		}
	}
}

func fuzzWire[T any](t *testing.T, data []byte) {
	r := &reader{b: data}
	got := readPack[T](r)
	if r.odd || len(r.b) > 0 {
		return // left to the library
	}
	var want pack[T]
	if err := Decode(append([]byte{Version}, data...), &want); err != nil {
		t.Fatalf("%T: we read %+v, the library says %v", got, got, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("we read\n%+v\nthe library\n%+v", got, want)
	}
}

// FuzzWire: whatever bytes are read by hand are read the same by the library.
func FuzzWire(f *testing.F) {
	requests, replies, calls, answers := samples()
	requests[1].Body = requests[1].Body[:300]
	add := func(data []byte, err error) {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[1:])
	}
	add(encodePack(numberedAll(requests), 0))
	add(encodePack(numberedAll(replies), 0))
	add(encodePack(numberedAll(calls), 0))
	add(encodePack(numberedAll(answers), 0))
	f.Add([]byte("\xa1\x01\x81\xa2\x01\x00\x02\xa1\x02\x61\xff"))
	f.Add([]byte("\xa1\x01\x9b\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzWire[Request](t, data)
		fuzzWire[Reply](t, data)
		fuzzWire[DatabaseCall](t, data)
		fuzzWire[DatabaseReply](t, data)
	})
}

// BenchmarkWire writes and reads a pack of 32 commits, by hand and by the library; one operation is one pack.
func BenchmarkWire(b *testing.B) {
	_, _, calls, _ := samples()
	commits := make([]DatabaseCall, 32)
	for i := range commits {
		commits[i] = calls[3]
	}
	items := numberedAll(commits)
	b.Run("hand", func(b *testing.B) {
		before := processorTime(b)
		defer func() {
			b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N*len(items)), "cpu-ns/item")
		}()
		for b.Loop() {
			data, err := encodePack(items, 200*len(items))
			if err == nil {
				_, err = decodePack[DatabaseCall](data)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		before := processorTime(b)
		defer func() {
			b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N*len(items)), "cpu-ns/item")
		}()
		for b.Loop() {
			data, err := Encode(pack[DatabaseCall]{items})
			if err == nil {
				var p pack[DatabaseCall]
				err = Decode(data, &p)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
