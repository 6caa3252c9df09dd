package terminalif

import (
	"cmp"
	"maps"
	"slices"
	"strings"

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
		if s.description.subjects == nil {
			continue // it has never said what it is
		}
		about := bus.AgentService{Name: name, Version: cmp.Or(s.description.version, "0.0.0"), Description: s.description.says}
		for _, subject := range s.description.subjects {
			if operation, own := strings.CutPrefix(subject, bus.BusinessSubject(name, "")); own && bus.ValidName(operation) {
				about.Operations = append(about.Operations, operation)
			}
		}
		slices.Sort(about.Operations)
		list = append(list, about)
	}
	return list
}
