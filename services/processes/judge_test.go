package processes

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/role"
)

// told is a machine that remembers what it was given.
type told struct{ inputs []role.Input }

func (m *told) Give(in role.Input) { m.inputs = append(m.inputs, in) }

// lacking are the services that the other host lacks.
type lacking []string

func (l lacking) Lacks(service string) bool { return slices.Contains(l, service) }

// One service that could not be started kept both hosts from serving anything, and the standby from taking over: a service that is
// known not to work is an outage of its own. Before that is known it is waited for, and one that a takeover needs always is.
func TestFault_D2_OneBrokenServiceKeepsNothingElseFromServing(t *testing.T) {
	for _, c := range []struct {
		name          string
		core          bool
		up, settled   bool
		needs         config.Names
		fit           bool
		lackedOnOther bool
		handsOver     bool
	}{
		{name: "it starts", core: true, handsOver: true},
		{name: "it works", core: true, up: true, settled: true, fit: true, handsOver: true},
		{name: "it does not work", core: true, settled: true, fit: true, handsOver: true},
		{name: "it does not work on either host", core: true, settled: true, fit: true, lackedOnOther: true},
		{name: "it does not work, and a takeover needs it", core: true, settled: true, needs: config.Names{"tickets"}, handsOver: true},
		{name: "the updater is down", up: true, settled: true, handsOver: true},
	} {
		m := &told{}
		p := &Processes{config: Config{Machine: m, Elsewhere: lacking{}, Log: slog.New(slog.DiscardHandler)}}
		p.config.Host.TakeoverNeeds = c.needs
		if c.lackedOnOther {
			p.config.Elsewhere = lacking{"tickets"}
		}
		service := &kept{name: "business.tickets", service: "tickets", up: c.up, settled: c.settled}
		p.children = []*kept{{name: "updater", up: c.core, settled: true}, service}
		p.judge()
		p.failed(service)
		fit, is := m.inputs[0].(role.Fitness)
		if !is || fit.Fit != c.fit {
			t.Errorf("%s: %+v", c.name, m.inputs[0])
		}
		if (len(m.inputs) == 2) != c.handsOver {
			t.Errorf("%s: given up on it, the machine is told %v", c.name, m.inputs[1:])
		}
	}
}
