package bundle_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/services/config"
)

var made = time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)

// founded is a pair with two hosts and a witness.
func founded(t testing.TB) []bundle.Bundle {
	t.Helper()
	ports := founding.DefaultPorts()
	p, err := founding.Plan{
		Pair: "shop", Hosts: [2]founding.Machine{{Name: "a", Address: "192.0.2.1", Ports: ports}, {Name: "b", Address: "b.example", Ports: ports}}, Witness: founding.Machine{Address: "192.0.2.3", Ports: ports},
		Terminals: config.Terminals{{ID: "till-1", URL: "nats://192.0.2.11:4223"}},
	}.Found(made)
	if err != nil {
		t.Fatal(err)
	}
	return p.Bundles
}

func encoded(t testing.TB, b bundle.Bundle, words string) []byte {
	t.Helper()
	raw, err := bundle.EncodeCheaply(b, words)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestBundle_IsReadAsItWasWritten(t *testing.T) {
	for i, b := range founded(t) {
		words := ""
		if i == 1 {
			words = "correct horse"
		}
		raw := encoded(t, b, words)
		got, err := bundle.Decode(raw, words)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		head, err := bundle.Peek(raw)
		if err != nil || head.For != b.Name.String() || head.Address != b.Address || head.Sealed != (words != "") {
			t.Errorf("%+v, %v", head, err)
		}
		if secret := b.Secret.Reveal(); bytes.Contains(raw, []byte(secret)) != (words == "") {
			t.Errorf("bundle %d: sealed %t, and the secret stands in it in clear or is missing", i, words != "")
		}
	}
}

func TestBundle_NeedsItsPassphrase(t *testing.T) {
	raw := encoded(t, founded(t)[0], "correct horse")
	for _, words := range []string{"", "   ", "another horse"} {
		if b, err := bundle.Decode(raw, words); !errors.Is(err, bundle.ErrPassphrase) || b.Secret != "" {
			t.Errorf("%q: %v", words, err)
		}
	}
}

// TestBundle_DamageAtAnyByteIsSeen: a bundle that was cut anywhere, or of which any byte is another, is none.
func TestBundle_DamageAtAnyByteIsSeen(t *testing.T) {
	for i, words := range []string{"", "correct horse"} {
		raw := encoded(t, founded(t)[i], words)
		for n := range raw {
			if _, err := bundle.Decode(raw[:n], words); !errors.Is(err, bundle.ErrDamaged) {
				t.Fatalf("cut behind byte %d: %v", n, err)
			}
			for _, bit := range []byte{0x01, 0x20} {
				other := bytes.Clone(raw)
				other[n] ^= bit
				if _, err := bundle.Decode(other, words); !errors.Is(err, bundle.ErrDamaged) {
					t.Fatalf("byte %d of %q changed to %q: %v", n, raw[max(0, n-10):n+1], other[n], err)
				}
			}
		}
		spaced := bytes.Replace(raw, []byte(`"for":`), []byte(`"for": `), 1) // the same to a reader of JSON
		if _, err := bundle.Decode(spaced, words); !errors.Is(err, bundle.ErrDamaged) {
			t.Errorf("with a space in the first line: %v", err)
		}
		if _, err := bundle.Decode(append(bytes.Clone(raw), '\n'), words); !errors.Is(err, bundle.ErrDamaged) {
			t.Errorf("with a line more: %v", err)
		}
	}
}

// TestBundle_PartsMustFit: whatever is exchanged for a part of another bundle, or could not be used, is said.
func TestBundle_PartsMustFit(t *testing.T) {
	list, strangers := founded(t), founded(t)
	host, other, witness := list[0], list[1], list[2]
	for name, change := range map[string]func(*bundle.Bundle){
		"certificate is for":                           func(b *bundle.Bundle) { b.Certificate, b.Key = other.Certificate, other.Key },
		"key does not belong to the certificate":       func(b *bundle.Bundle) { b.Key = other.Key },
		"of different authorities":                     func(b *bundle.Bundle) { b.Issuing, b.Seal = strangers[0].Issuing, strangers[0].Seal },
		"sealed for another key file":                  func(b *bundle.Bundle) { b.Seal = other.Seal },
		"no root":                                      func(b *bundle.Bundle) { b.Roots = strangers[0].Roots },
		"those of host b":                              func(b *bundle.Bundle) { b.Settings = other.Settings },
		"HOTPAIR_PEER_LINK":                            func(b *bundle.Bundle) { b.Settings = b.Settings[:3] },
		"HOTPAIR_LEASE":                                func(b *bundle.Bundle) { b.Settings = append(b.Settings, "HOTPAIR_LEASE=soon") },
		"twice":                                        func(b *bundle.Bundle) { b.Settings = append(b.Settings, b.Settings[0]) },
		"sets HOTPAIR_ALARM_COMMAND":                   func(b *bundle.Bundle) { b.Settings = append(b.Settings, "HOTPAIR_ALARM_COMMAND=/bin/sh") },
		"sets HOTPAIR_DATA":                            func(b *bundle.Bundle) { b.Settings = append(b.Settings, "HOTPAIR_DATA=/etc") },
		"not a setting":                                func(b *bundle.Bundle) { b.Settings = append(b.Settings, "LD_PRELOAD=/tmp/x.so") },
		"an environment file can't hold":               func(b *bundle.Bundle) { b.Settings = append(b.Settings, "HOTPAIR_LOG_FORMAT=text\nLD_PRELOAD=x") },
		"HOTPAIR_PAIR_SECRET":                          func(b *bundle.Bundle) { b.Secret = "short" },
		"not the address of a machine":                 func(b *bundle.Bundle) { b.Address = "192.0.2.1 && reboot" },
		"only hosts and the witness":                   func(b *bundle.Bundle) { b.Name.Role = "terminal" },
		"pair id":                                      func(b *bundle.Bundle) { b.Name.Pair = "../../etc" },
		"is for a witness but contains an issuing key": func(b *bundle.Bundle) { *b = witness; b.Issuing = other.Issuing },
		"is for a witness but contains terminals":      func(b *bundle.Bundle) { *b = witness; b.Terminals = other.Terminals },
		"HOTPAIR_WITNESS_LISTEN":                       func(b *bundle.Bundle) { *b = witness; b.Settings = []string{"HOTPAIR_WITNESS_LISTEN=nowhere"} },
	} {
		b := host
		b.Settings = append([]string(nil), host.Settings...)
		change(&b)
		if _, err := b.Encode(""); err == nil || !strings.Contains(err.Error(), name) && name != "no root" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode: nothing that stands in a file makes a program fail, and what is taken is whole.
func FuzzDecode(f *testing.F) {
	for _, b := range founded(f) {
		f.Add(encoded(f, b, ""))
	}
	f.Add([]byte(`{"hotpair_bundle":1,"for":"spiffe://shop/witness","address":"192.0.2.3","made":"2026-05-03T10:00:00Z","sealed":true,"sha256":""}` + "\nage-encryption.org/v1\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := bundle.Decode(summed(raw), "")
		switch {
		case err == nil:
			if err := b.Check(); err != nil {
				t.Fatal(err)
			}
		case !errors.Is(err, bundle.ErrDamaged) && !errors.Is(err, bundle.ErrPassphrase):
			t.Fatal(err)
		}
	})
}

// summed gives a file the checksum that it should have, where it has a first line: what is behind it could not be reached else.
func summed(raw []byte) []byte {
	first, body, found := bytes.Cut(raw, []byte("\n"))
	var head bundle.Head
	if !found || json.Unmarshal(first, &head) != nil {
		return raw
	}
	sum := sha256.Sum256(body)
	head.Sum = hex.EncodeToString(sum[:])
	first, err := json.Marshal(head)
	if err != nil {
		return raw
	}
	return append(append(first, '\n'), body...)
}
