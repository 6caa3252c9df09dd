package mainprocess

import (
	"slices"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// TestMain_AnswersEveryOperation: what the table promises is done by somebody. A backup is a file, which web asks for itself.
func TestMain_AnswersEveryOperation(t *testing.T) {
	h := &host{}
	r := registry.New(t.Context(), h, bus.NewRouter(""), &sync.WaitGroup{})
	h.serveOperations(r)
	for _, o := range operator.Operations() {
		answered := slices.ContainsFunc(r.Served(), func(s registry.Served) bool { return s.Name == o.Name })
		if !answered && o.Name != operator.CallBackup.Name {
			t.Errorf("nobody answers %s", o.Name)
		}
	}
}
