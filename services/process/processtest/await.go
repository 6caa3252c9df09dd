package processtest

import (
	"testing"
	"time"
)

// patience is how long a condition may take, on a machine that is busy with other tests.
const patience = 30 * time.Second

// Await returns when a condition holds that can only be polled; it fails the test if that takes too long.
func Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}
