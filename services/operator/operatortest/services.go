package operatortest

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/processes/programs"
	"github.com/hotpair/hotpair/services/processes/said"
)

// shownServices are those of the host of tests and of the other one, which lacks one.
func shownServices() []programs.Service {
	at := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	return []programs.Service{
		{Host: "a", Service: "kv", State: programs.Ready, Since: at, Version: "0.0.0", Operations: []string{"get", "put"}, PID: 41},
		{Host: "a", Service: "tickets", State: programs.Ready, Since: at, Version: "1.5.0", Operations: []string{"sell"}, PID: 42, Restarts: 1, Path: "/opt/acme/tickets-1.5", Set: "/opt/acme/tickets-1.4"},
		{Host: "b", Service: "tickets", State: programs.Failed, Since: at, Restarts: 9, Path: "/opt/acme/tickets-1.4", Why: "exited with code 2: no \x1b[2Jfares"},
	}
}

// answerServices answers about services.
func (h *Host) answerServices(r *registry.Registry) {
	registry.Answer(r, operator.CallServices, registry.Plain(func(context.Context) (programs.ServiceList, error) {
		return programs.ServiceList{Hosts: []programs.ServicesHost{{Host: "a"}, {Host: "b"}}, Services: shownServices()}, h.Err
	}))
	registry.Answer(r, operator.CallRestartService, func(_ context.Context, c operator.Caller, q programs.RestartService) (programs.ServiceRestarted, error) {
		h.Mu.Lock()
		defer h.Mu.Unlock()
		h.Callers = append(h.Callers, c)
		one := shownServices()[1]
		one.Service = q.Service
		return programs.ServiceRestarted{ID: c.ID, Services: []programs.Service{one}}, h.Err
	})
	registry.Answer(r, operator.CallServiceLog, func(_ context.Context, _ operator.Caller, q programs.ServiceLogRequest) (programs.ServiceLog, error) {
		at := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
		log := programs.ServiceLog{Hosts: []programs.ServicesHost{{Host: "a", Next: 3}}, Lines: []programs.ServiceLine{}}
		for n, kind := range []string{said.Host, said.Out, said.Error} {
			number := uint64(n + 1)
			if q.After > 0 { // each further question finds one more
				number = q.After + 1
				log.Hosts[0].Next = number
			}
			log.Lines = append(log.Lines, programs.ServiceLine{Host: "a", Line: said.Line{Number: number, Time: at, Kind: kind, Text: kind + " \x1b[2Jline"}})
			if q.After > 0 {
				break
			}
		}
		return log, h.Err
	})
}
