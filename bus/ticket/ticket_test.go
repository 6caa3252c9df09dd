package ticket

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

var (
	key    = NewKey()
	byTill = Ticket{
		Epoch: 7, Service: "kv", ID: bus.RequestID{Terminal: "till-7", Counter: 1 << 40}, Floor: 1<<40 - 3,
		Digest: DigestOf("kv", "put", []byte(`{"key":"a","value":1}`)),
	}
	byApp = Ticket{
		Epoch: 7, Service: "ledger", ID: bus.RequestID{Terminal: "till-7", App: "2026-01-02T15:04:05Z/" + strings.Repeat("ü", 64)},
		Digest: DigestOf("ledger", "open", nil),
	}
)

func TestTicket_SaysWhatItWasMadeFor(t *testing.T) {
	d := NewDesk(key)
	for _, want := range []Ticket{byTill, byApp, {Service: "kv"}} {
		text := d.Issue(want)
		if got, err := NewDesk(key).Read(want.Service, text); err != nil || got != want {
			t.Errorf("%+v became %+v, %v", want, got, err)
		}
		if strings.ContainsAny(text, "\r\n :") {
			t.Errorf("%q does not fit into a header", text)
		}
		at := position.Position{Epoch: 7, Sequence: 42}
		if got, err := d.Position(want, d.Prove(want, at)); err != nil || got != at {
			t.Errorf("position %v, %v", got, err)
		}
	}
}

// TestFault_A8_TicketsCantBeMadeOrChanged: a service could give any id and any floor, and an answer recorded under another
// service's request was told to its terminal.
func TestFault_A8_TicketsCantBeMadeOrChanged(t *testing.T) {
	d := NewDesk(key)
	text := d.Issue(byTill)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(what, service, text string) {
		t.Helper()
		if got, err := d.Read(service, text); !errors.Is(err, ErrTicket) || got.ID != (bus.RequestID{}) && got.Service == service {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		refuses("a flipped bit", "kv", base64.RawURLEncoding.EncodeToString(changed))
		refuses("cut", "kv", base64.RawURLEncoding.EncodeToString(raw[:i]))
	}
	refuses("that of another service", "ledger", text)
	refuses("nothing", "kv", "")
	refuses("no text", "kv", "%%%")
	refuses("far too long", "kv", strings.Repeat("A", 1<<20))
	refuses("of an earlier run of main", "kv", NewDesk(NewKey()).Issue(byTill))
	refuses("made with an empty key", "kv", NewDesk(nil).Issue(byTill))
	refuses("a proof", "kv", d.Prove(byTill, position.Position{Epoch: 7, Sequence: 1}))
	if _, err := NewDesk(nil).Read("kv", text); !errors.Is(err, ErrTicket) {
		t.Errorf("without a key: %v", err)
	}
}

// TestFault_C8_ProofsAreOfOneRequest: a service could claim any position, and a receipt was signed for it.
func TestFault_C8_ProofsAreOfOneRequest(t *testing.T) {
	d := NewDesk(key)
	at := position.Position{Epoch: 7, Sequence: 42}
	proof := d.Prove(byTill, at)
	others := map[string]Ticket{"of another request": byApp}
	later, other, elsewhere, term := byTill, byTill, byTill, byTill
	later.ID.Counter++
	other.Service = "ledger"
	elsewhere.ID.Terminal = "till-8"
	term.Epoch++
	others["of another number"], others["of another service"], others["of another terminal"], others["of a later term"] = later, other, elsewhere, term
	for what, asked := range others {
		if got, err := d.Position(asked, proof); !errors.Is(err, ErrProof) || !got.IsZero() {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	for _, text := range []string{"", "7/42", "7/42.", "7/43" + proof[4:], "x" + proof, proof + "A", NewDesk(NewKey()).Prove(byTill, at), d.Issue(byTill)} {
		if got, err := d.Position(byTill, text); !errors.Is(err, ErrProof) || !got.IsZero() {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestDigest_TellsRequestsApart(t *testing.T) {
	seen := map[Digest]string{}
	for _, q := range [][3]string{
		{"kv", "put", "{}"}, {"kv", "put", "{} "}, {"kv", "putt", "{}"}, {"kvp", "ut", "{}"}, {"kv", "get", "{}"}, {"ledger", "put", "{}"}, {"kv", "put", ""},
	} {
		d := DigestOf(q[0], q[1], []byte(q[2]))
		if before, ok := seen[d]; ok {
			t.Errorf("%v has the digest of %s", q, before)
		}
		seen[d] = strings.Join(q[:], " ")
	}
}

// FuzzRead: nothing panics, and only what was issued is taken.
func FuzzRead(f *testing.F) {
	d := NewDesk(key)
	f.Add("kv", d.Issue(byTill))
	f.Add("ledger", d.Issue(byApp))
	f.Add("kv", "")
	f.Fuzz(func(t *testing.T, service, text string) {
		got, err := d.Read(service, text)
		if err == nil && got != byTill && got != byApp {
			t.Errorf("%q was taken for %+v", text, got)
		}
		if _, err := d.Position(byTill, text); err == nil {
			t.Errorf("%q was taken for a proof", text)
		}
	})
}

// BenchmarkTicket is what a request that writes pays: one ticket made, two checked (its read and its commit), one proof made
// and checked.
func BenchmarkTicket(b *testing.B) {
	d := NewDesk(key)
	body := []byte(`{"key":"bench-12-345","value":"0123456789012345678901234567890123456789"}`)
	at := position.Position{Epoch: 7, Sequence: 42}
	b.Run("Request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			asked := byTill
			asked.Digest = DigestOf("kv", "put", body)
			text := d.Issue(asked)
			for range 2 {
				if _, err := d.Read("kv", text); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := d.Position(asked, d.Prove(asked, at)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Digest", func(b *testing.B) {
		for b.Loop() {
			DigestOf("kv", "put", body)
		}
	})
	b.Run("Issue", func(b *testing.B) {
		for b.Loop() {
			d.Issue(byTill)
		}
	})
	text := d.Issue(byTill)
	b.Run("Read", func(b *testing.B) {
		for b.Loop() {
			_, _ = d.Read("kv", text)
		}
	})
}
