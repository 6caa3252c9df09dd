package processes

import (
	"time"

	"github.com/hotpair/hotpair/services/role"
)

// unreadyFor is how long a service may take to get ready before it counts as one that does not work: what neither answers nor
// ends must not keep the others from being served.
const unreadyFor = 10 * time.Second

// failed tells that a process can't be restarted. A service that the other host lacks too is an outage of that service: to hand
// over would fix nothing, and stop all the others for a moment.
func (p *Processes) failed(k *kept) {
	if k.optional || k.isRenewed() {
		return // the alarm says it, or who restarts it on purpose
	}
	if k.service != "" && p.config.Elsewhere.Lacks(k.service) {
		p.config.Log.Warn("a service is down on both hosts; the others go on", "name", k.name)
		return
	}
	p.config.Machine.Give(role.ProcessFailed{Process: k.name})
}

// stillFailed tells it again of a process that was given up before: by now there may be a standby that can take over, or that
// has the service. The machine hands over once for each cause in a while.
func (p *Processes) stillFailed(k *kept) {
	if k.keeper.Status().GaveUp {
		p.failed(k)
	}
}

// settle notes that it is known whether the process works.
func (k *kept) settle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settled = true
}

// missed reports whether the host can't serve for want of the process. A service is waited for while it starts for the first
// time; one that is known not to work is missed only where an operator has said that a takeover needs it and the other host,
// as far as is known, has it. One that is restarted on purpose is not missed: it is back soon, or the one before it is.
func (p *Processes) missed(k *kept) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.up && !k.optional && k.renewal == nil && (k.service == "" || !k.settled || p.config.Host.TakeoverNeeds.Has(k.service) && !p.config.Elsewhere.Lacks(k.service))
}

// Down are the services that are not ready.
func (p *Processes) Down() (services []string) {
	for _, k := range p.children {
		if k.service != "" && !p.IsUp(k.name) {
			services = append(services, k.service)
		}
	}
	return services
}

// judge tells whether this host could serve: all that serving needs is up. Several goroutines judge; what each found is told
// before the next one looks. An older "not ready" that came after "fit" would stand until something happened to a process.
func (p *Processes) judge() {
	p.judging.Lock()
	defer p.judging.Unlock()
	now := role.Fitness{Fit: true}
	for _, k := range p.children {
		if p.missed(k) {
			now = role.Fitness{Why: k.name + " is not ready"}
			break
		}
	}
	if p.judged == nil || *p.judged != now {
		p.judged = &now
		p.config.Machine.Give(now)
	}
}
