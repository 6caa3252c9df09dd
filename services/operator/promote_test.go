package operator_test

import (
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

func FuzzPromoteRequest_Loss(f *testing.F) {
	for _, text := range []string{"41", "unknown", "-1", "", "99999999999999999999", "0x10", " 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		accepted, unknown, err := operator.PromoteRequest{AcceptLoss: text}.Loss()
		if err != nil && (accepted != 0 || unknown) || unknown != (text == operator.UnknownLoss) {
			t.Errorf("%q accepts %d, unknown %t, %v", text, accepted, unknown, err)
		}
	})
}
