package usage

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

// A secret that was cut at a bound would open nothing, or seal something that nobody opens any more.
func TestSecret_IsWhole(t *testing.T) {
	long := strings.Repeat("x", mostSecret)
	if text, err := Secret(strings.NewReader(long), "--file", "-"); err != nil || text != long {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	for _, read := range []func(io.Reader, string, string) (string, error){Secret, Passphrase} {
		if text, err := read(strings.NewReader(long+"x"), "--file", "-"); !errors.Is(err, operator.ErrUsage) || !strings.Contains(err.Error(), "more than 65536 bytes") || text != "" {
			t.Errorf("of one more byte %d, %v", len(text), err)
		}
	}
}

func TestPassphrase_IsTheFirstLineOfAFile(t *testing.T) {
	if words, err := Passphrase(strings.NewReader("correct horse\r\nsecond\n"), "--file", "-"); err != nil || words != "correct horse" {
		t.Errorf("%q, %v", words, err)
	}
	for _, text := range []string{"", "short\nbut then long enough\n"} {
		if _, err := Passphrase(strings.NewReader(text), "--file", "-"); !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if words, err := Passphrase(nil, "--file", ""); err != nil || words != "" {
		t.Errorf("%q, %v", words, err)
	}
}
