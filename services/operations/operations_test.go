package operations

import (
	"slices"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// TestNew_AnswersEveryOperation: what the table promises is done by somebody. A backup is a file, which web asks for itself.
func TestNew_AnswersEveryOperation(t *testing.T) {
	r := registry.New(t.Context(), nil, "", bus.NewRouter(""), &sync.WaitGroup{})
	New(t.Context(), Config{}, r)
	for _, o := range operator.Operations() {
		answered := slices.ContainsFunc(r.Served(), func(s registry.Served) bool { return s.Name == o.Name })
		if !answered && o.Name != operator.CallBackup.Name {
			t.Errorf("nobody answers %s", o.Name)
		}
	}
	for _, s := range r.Served() {
		if !slices.ContainsFunc(operator.Operations(), func(o operator.Info) bool { return o.Name == s.Name }) {
			t.Errorf("%s is answered, and not listed in operator.Operations", s.Name)
		}
	}
}
