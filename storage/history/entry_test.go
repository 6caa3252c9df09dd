package history

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/position"
)

func sampleEntry() Entry {
	return Entry{
		Position: position.Position{Epoch: 7, Sequence: 123}, Kind: KindUpdate, Time: 1_700_000_000 * int64(time.Second), Space: "ledger",
		Request: RequestID{Terminal: "t1", Counter: 17}, Oldest: 15,
		Effects: []Effect{{Key: []byte("account/1"), Value: []byte("100")}, {Key: []byte("account/2"), Delete: true}},
		Answer:  Answer{Body: []byte(`{"ok":true}`), Revision: true}, HasAnswer: true,
	}
}

func TestEntry_RoundTrip(t *testing.T) {
	for _, e := range []Entry{
		sampleEntry(),
		{Kind: KindUpdate, Space: "s", Outbox: []Effect{{Key: []byte("k"), Value: []byte("v")}, {Key: []byte("l"), Delete: true}}},
		{Kind: KindBegan, Position: position.Position{Epoch: 1, Sequence: 1}, Time: 1, Host: "a", Identity: "x", RecordVersion: 3},
		{Kind: KindUpdate, Request: RequestID{Terminal: "t", App: "2026-01-02T15:04:05Z/x"}, Answer: Answer{Code: 409, Message: "overdraft"}, HasAnswer: true},
	} {
		raw, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeEntry(raw)
		if err != nil || !cmp.Equal(got, e) {
			t.Errorf("%v\n%s", err, cmp.Diff(e, got))
		}
		again, err := got.Encode()
		if err != nil || string(again) != string(raw) {
			t.Errorf("encoding is not deterministic: %v", err)
		}
	}
}

// Stored bytes of version 1 stay readable, and a digest is over the stored bytes. A change here breaks every data
// directory in the field.
func TestEntry_GoldenBytes(t *testing.T) {
	e := sampleEntry()
	s, err := NewStored(Digest{1}, e)
	if err != nil {
		t.Fatal(err)
	}
	const want = "\x01\xa9\x01\xa2\x01\x07\x02\x18{\x02\x01\x03\x1b\x17\x97\x9c\xfe6*\x00\x00\x04fledger\x05\xa2\x01bt1\x02\x11\x06\x0f" +
		"\a\x82\xa2\x01Iaccount/1\x02C100\xa2\x01Iaccount/2\x03\xf5\b\xa2\x03K{\"ok\":true}\x04\xf5\t\xf5"
	if string(s.Raw) != want {
		t.Errorf("encoded as %q", s.Raw)
	}
	if text, _ := s.Digest.MarshalText(); string(text) != "09b18e82b65257521c7a800e3ddb2da796d6f7d15658cce5f99e2dac09e72240" {
		t.Errorf("digest %s", text)
	}
}

func TestDecodeEntry_RefusesWhatIsNoEntry(t *testing.T) {
	e := sampleEntry()
	raw, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	unknown := append([]byte{3}, raw[1:]...)
	if _, err := DecodeEntry(unknown); !errors.Is(err, format.ErrVersion) {
		t.Errorf("unknown version: %v", err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "version only": raw[:1], "cut short": raw[:len(raw)-1], "longer": append(raw[:len(raw):len(raw)], 0),
		"an outbox's form without one": append([]byte{2}, raw[1:]...), "an outbox in the form without": {1, 0xa1, 0x10, 0x81, 0xa1, 0x01, 0x41, 0x6b},
		"unknown field": {1, 0xa1, 0x18, 0x63, 0x00}, "no map": {1, 0x00}, "twice the same field": {1, 0xa2, 0x02, 0x01, 0x02, 0x01},
	} {
		if _, err := DecodeEntry(bad); !errors.Is(err, format.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEntry_ValidateRefusesBadUpdates(t *testing.T) {
	change := func(f func(*Entry)) Entry {
		e := sampleEntry()
		f(&e)
		return e
	}
	for name, c := range map[string]struct {
		e    Entry
		want error
	}{
		"empty key":            {change(func(e *Entry) { e.Effects[0].Key = nil }), ErrInvalid},
		"long key":             {change(func(e *Entry) { e.Effects[0].Key = make([]byte, MaxKey+1) }), ErrTooLarge},
		"empty key, outbox":    {change(func(e *Entry) { e.Outbox = []Effect{{}} }), ErrInvalid},
		"long key, outbox":     {change(func(e *Entry) { e.Outbox = []Effect{{Key: make([]byte, MaxKey+1)}} }), ErrTooLarge},
		"outbox as a service":  {change(func(e *Entry) { e.Space = OutboxSpace }), ErrInvalid},
		"began with an outbox": {Entry{Kind: KindBegan, Host: "a", Identity: "i", Outbox: []Effect{{Key: []byte("k")}}}, ErrInvalid},
		"no space":             {change(func(e *Entry) { e.Space = "" }), ErrInvalid},
		"long space":           {change(func(e *Entry) { e.Space = strings.Repeat("s", MaxSpace+1) }), ErrTooLarge},
		"answer, no request":   {change(func(e *Entry) { e.Request, e.Oldest = RequestID{}, 0 }), ErrInvalid},
		"oldest, no terminal":  {change(func(e *Entry) { e.Request, e.HasAnswer = RequestID{}, false }), ErrInvalid},
		"request, no terminal": {change(func(e *Entry) { e.Request.Terminal = "" }), ErrInvalid},
		"request, both ids":    {change(func(e *Entry) { e.Request.App = "2026-01-02T15:04:05Z/x" }), ErrInvalid},
		"request, no time":     {change(func(e *Entry) { e.Request = RequestID{Terminal: "t", App: "x"} }), ErrInvalid},
		"request, local time":  {change(func(e *Entry) { e.Request = RequestID{Terminal: "t", App: "2026-01-02T15:04:05+01:00/x"} }), ErrInvalid},
		"request, year 9999":   {change(func(e *Entry) { e.Request = RequestID{Terminal: "t", App: "9999-01-02T15:04:05Z/x"} }), ErrInvalid},
		"request, long app id": {change(func(e *Entry) {
			e.Request = RequestID{Terminal: "t", App: "2026-01-02T15:04:05Z/" + strings.Repeat("x", 65)}
		}), ErrInvalid},
		"no kind":               {change(func(e *Entry) { e.Kind = 0 }), ErrInvalid},
		"update with host":      {change(func(e *Entry) { e.Host = "a" }), ErrInvalid},
		"began with effects":    {change(func(e *Entry) { e.Kind, e.Host, e.Identity = KindBegan, "a", "i" }), ErrInvalid},
		"began without host":    {Entry{Kind: KindBegan}, ErrInvalid},
		"more than one entry's": {change(func(e *Entry) { e.Effects[0].Value = make([]byte, MaxEntry) }), ErrTooLarge},
	} {
		if _, err := NewStored(Digest{}, c.e); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := NewStored(Digest{}, sampleEntry()); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func TestRequestID_Issued(t *testing.T) {
	want := time.Date(2026, 1, 2, 15, 4, 5, 600, time.UTC)
	got, err := RequestID{Terminal: "t", App: want.Format(time.RFC3339Nano) + "/a/b"}.Issued()
	if err != nil || !got.Equal(want) {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for _, e := range []Entry{sampleEntry(), {Kind: KindBegan, Host: "a", Identity: "x"}, {}} {
		raw, err := e.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{1, 0x9f, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := DecodeEntry(raw)
		if err != nil {
			if !errors.Is(err, format.ErrMalformed) && !errors.Is(err, format.ErrVersion) {
				t.Errorf("strange error %v", err)
			}
			return
		}
		// What can be read can be written, and means the same.
		again, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if e2, err := DecodeEntry(again); err != nil || !cmp.Equal(e, e2, cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })) {
			t.Errorf("%v\n%s", err, cmp.Diff(e, e2))
		}
	})
}

func BenchmarkEntry_Encode(b *testing.B) {
	e := sampleEntry()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEntry_Decode(b *testing.B) {
	e := sampleEntry()
	raw, err := e.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeEntry(raw); err != nil {
			b.Fatal(err)
		}
	}
}
