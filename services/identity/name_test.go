package identity

import (
	"crypto/x509"
	"errors"
	"net/url"
	"testing"
)

func TestName_IsReadAsItIsWritten(t *testing.T) {
	for text, n := range map[string]Name{
		"spiffe://p1/host/a":             Host("p1", "a"),
		"spiffe://p1/host/tokyo-2":       Host("p1", "tokyo-2"),
		"spiffe://p1/witness":            Witness("p1"),
		"spiffe://p-1/terminal/Till_7-x": Terminal("p-1", "Till_7-x"),
	} {
		got, err := Parse(text)
		if err != nil || got != n || n.String() != text || n.URL().String() != text {
			t.Errorf("%s: %+v, %v; written %s, %s", text, got, err, n, n.URL())
		}
	}
	if pair := NewPair(); Host(pair, "a").Check() != nil || pair == NewPair() {
		t.Errorf("a new pair is called %q", pair)
	}
}

// malformed are texts that are no names, also where another reader would see one.
var malformed = []string{
	"", "spiffe://", "spiffe:///host/a", "spiffe://p1", "spiffe://p1/", "spiffe://p1/host", "spiffe://p1/host/", "spiffe://p1/host/a/",
	"spiffe://p1/host/a/b", "spiffe://p1/host/A", "spiffe://P1/host/a", "SPIFFE://p1/host/a", "https://p1/host/a", "spiffe://p1/witness/",
	"spiffe://p1/witness/w", "spiffe://p1/clerk/c", "spiffe://p1/terminal/a.b", "spiffe://p1/terminal/a%20b", "spiffe://p1/host/%61",
	"spiffe://p1:7/host/a", "spiffe://u@p1/host/a", "spiffe://p1/host/a?x", "spiffe://p1/host/a#x", "spiffe://p1//host/a", "spiffe://-p/host/a",
	" spiffe://p1/host/a", "spiffe://p1/host/a\n", "spiffe://p1/host/..", "spiffe://p1/host/ä", "spiffe://p1/host/a123456789012345678901234567890123",
}

func TestName_RefusesWhatIsNone(t *testing.T) {
	for _, text := range malformed {
		if n, err := Parse(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is %+v: %v", text, n, err)
		}
	}
}

func TestOf_NeedsExactlyOneName(t *testing.T) {
	one, other := Host("p1", "a").URL(), Host("p1", "b").URL()
	foreign := &url.URL{Scheme: "https", Host: "p1", Path: "/host/a"}
	if n, err := Of(&x509.Certificate{URIs: []*url.URL{one}, DNSNames: []string{"a.example"}}); err != nil || n != Host("p1", "a") {
		t.Errorf("%v, %v", n, err)
	}
	for _, uris := range [][]*url.URL{nil, {one, other}, {one, one}, {foreign}} {
		if n, err := Of(&x509.Certificate{URIs: uris}); !errors.Is(err, ErrWrongName) {
			t.Errorf("%v: %v, %v", uris, n, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range append(malformed, "spiffe://p1/host/a", "spiffe://p1/witness", "spiffe://p1/terminal/t") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || n != (Name{}) {
				t.Fatalf("%q: %+v, %v", text, n, err)
			}
			return
		}
		u, err := url.Parse(text)
		if n.String() != text || n.Check() != nil || err != nil || u.String() != text || u.Host != n.Pair || n.URL().String() != text {
			t.Fatalf("%q is %+v, written %s, as an address %v: %v", text, n, n, u, err)
		}
	})
}
