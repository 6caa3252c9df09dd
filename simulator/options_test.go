package simulator

import (
	"errors"
	"slices"
	"testing"

	"github.com/hotpair/hotpair/deployments/local"
)

// TestWorkloads_HaveAllThatAClusterCanBeLoadedWith: a cluster names them to the simulator.
func TestWorkloads_HaveAllThatAClusterCanBeLoadedWith(t *testing.T) {
	for _, name := range local.Loads() {
		if !slices.Contains(Workloads(), name) {
			t.Errorf("a cluster has the load %s, which is no workload", name)
		}
	}
}

// TestOptions_QueueNeedsIDs: a workload of which nothing is queued proves nothing of queues.
func TestOptions_QueueNeedsIDs(t *testing.T) {
	for workload, fault := range map[string]bool{Put: true, Mixed: false} {
		_, err := Options{Terminals: make([]Terminal, 1), Workload: workload, Queue: true}.withDefaults()
		if errors.Is(err, ErrOption) != fault {
			t.Errorf("%s: %v", workload, err)
		}
	}
}
