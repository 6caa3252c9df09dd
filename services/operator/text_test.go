package operator

import (
	"testing"
	"time"
)

func TestText(t *testing.T) {
	for got, want := range map[string]string{
		count(0, "update"): "0 updates", count(1, "update"): "1 update", grouped(1234567): "1 234 567", grouped(123): "123",
		ago(-time.Second): "0s", ago(870 * time.Millisecond): "870ms", ago(185 * time.Second): "3m05s",
		ago(99 * time.Minute): "1h39m", ago(99 * time.Hour): "4d03h", fit("abcdef", 4): "abc…",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
