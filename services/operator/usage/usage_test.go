package usage

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

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
