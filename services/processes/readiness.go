package processes

import (
	"time"

	"github.com/hotpair/hotpair/services/role"
)

// unreadyFor is how long a service may take to become ready before it counts as not working: a service that neither
// answers nor ends must not keep the others from being served.
const unreadyFor = 10 * time.Second

// failed reports that a process can't be restarted. A service that the other host lacks too is an outage of that
// service: a hand-over would repair nothing and interrupt all other services.
func (p *Processes) failed(k *kept) {
	if k.optional || k.isRenewed() {
		return // the alarm reports it, or the caller who restarts it on purpose
	}
	if k.service != "" && p.config.Elsewhere.Lacks(k.service) {
		p.config.Log.Warn("a service is down on both hosts; the other services continue", "name", k.name)
		return
	}
	p.config.Machine.Give(role.ProcessFailed{Process: k.name})
}

// stillFailed reports again a process that was given up before: meanwhile a standby may be able to take over, or have
// the service. The machine hands over only once per cause within some time.
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

// missed reports whether the host can't serve because the process is missing. A service is waited for while it starts
// for the first time. A service known not to work is missed only if the settings say that a takeover needs it and, as
// far as is known, the other host has it. A service that is restarted on purpose is not missed: it is back soon, or
// its previous program is.
func (p *Processes) missed(k *kept) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.up && !k.optional && k.renewal == nil && (k.service == "" || !k.settled || p.config.Host.TakeoverNeeds.Has(k.service) && !p.config.Elsewhere.Lacks(k.service))
}

// Down returns the services that are not ready.
func (p *Processes) Down() (services []string) {
	for _, k := range p.children {
		if k.service != "" && !p.IsUp(k.name) {
			services = append(services, k.service)
		}
	}
	return services
}

// judge reports whether this host could serve: whether all that serving needs is up. Several goroutines call it; the
// result of one is reported before the next one looks. Otherwise an outdated "not ready" could follow "fit" and
// remain until the next event of a process.
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
