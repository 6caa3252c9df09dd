package wording

import (
	"testing"
	"time"
)

func TestText(t *testing.T) {
	for got, want := range map[string]string{
		Count(0, "update"): "0 updates", Count(1, "update"): "1 update", Grouped(1234567): "1 234 567", Grouped(123): "123",
		Ago(-time.Second): "0s", Ago(870 * time.Millisecond): "870ms", Ago(185 * time.Second): "3m05s",
		Ago(99 * time.Minute): "1h39m", Ago(99 * time.Hour): "4d03h", Fit("abcdef", 4): "abc…",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
