// Package authoritytest makes authorities for tests.
package authoritytest

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/authority"
)

// Issuer returns an issuing key of a new root for a pair, both made at a given time.
func Issuer(t testing.TB, pair string, at time.Time) *authority.Issuer {
	t.Helper()
	root, err := authority.New(pair, at)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := root.Rotate(at)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}
