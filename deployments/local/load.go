package local

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/config"
)

// DefaultLoad is the load if none is named.
const DefaultLoad = "mixed"

// workload is a load for terminals.
type workload struct {
	name     string
	services []string // services that it calls, all built in
	// rate is the operations per second of each terminal: enough that some are always in flight, few enough that a
	// small machine stays usable.
	rate int
}

// workloads are those that check something and that a pair can run for hours.
func workloads() []workload {
	return []workload{
		{"kv", []string{"kv"}, 20},
		{"ledger", []string{"ledger"}, 20},
		{DefaultLoad, []string{"kv", "ledger"}, 20},
		{"tickets", []string{"tickets"}, 5}, // each notice goes to all terminals, each emission to the outside
	}
}

// Loads lists the workloads that terminals can do.
func Loads() (names []string) {
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	return names
}

// loadOf finds a workload. The error is ErrOption.
func loadOf(name string) (workload, error) {
	if i := slices.IndexFunc(workloads(), func(w workload) bool { return w.name == name }); i >= 0 {
		return workloads()[i], nil
	}
	return workload{}, fmt.Errorf("%w: --load %q: give %s", ErrOption, name, strings.Join(Loads(), ", "))
}

// named takes an argument after --load without "=" as the name of the load, and returns the remaining arguments.
func (o *Options) named(args []string) (rest []string, err error) {
	if len(args) != 1 || o.Load != DefaultLoad {
		return args, nil
	}
	w, err := loadOf(args[0])
	o.Load = w.name
	return nil, err
}

// ServicesOf returns the services that a workload calls; for others the settings decide.
func ServicesOf(name string) []string {
	w, _ := loadOf(name)
	return w.services
}

// withServices adds those that are not there.
func withServices(list config.Services, names []string) config.Services {
	list = slices.Clone(list)
	for _, name := range names {
		if !slices.ContainsFunc(list, func(s config.Service) bool { return s.Name == name }) {
			list = append(list, config.Service{Name: name})
		}
	}
	return list
}
