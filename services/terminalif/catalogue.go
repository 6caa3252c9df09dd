package terminalif

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hotpair/hotpair/bus"
)

// catalogue lists the services that this host has, for applications that look what there is. A service that is down for a moment
// has not gone.
func (d *directory) catalogue() (list []bus.AgentService) {
	r := d.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(d.services)) {
		s := d.services[name]
		if s.description.Subjects == nil {
			continue // it has never sent its description
		}
		about := s.description
		list = append(list, bus.AgentService{Name: name, Version: cmp.Or(about.Version, "0.0.0"), Description: about.Says, Operations: about.Operations(name)})
	}
	return list
}
