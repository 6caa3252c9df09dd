package simulator

import (
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
