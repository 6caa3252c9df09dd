// Package authoritytest gives tests an authority of their own.
package authoritytest

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/authority"
)

// Issuer is an issuing key of a new root for a pair, both made at a time.
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
