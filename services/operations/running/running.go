// Package running answers operators about the services of both hosts, and restarts them.
package running

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/processes/programs"
	"github.com/hotpair/hotpair/services/processes/said"
	"github.com/hotpair/hotpair/services/role"
)

// Services are the services of this host.
type Services interface {
	// Services returns all services with their state.
	Services(ctx context.Context) []programs.Service
	// Differing returns the services that run another program than the settings name.
	Differing() []programs.Service
	// CheckRestart refuses a service that can't be restarted, or a program that can't be run.
	CheckRestart(service, path string) error
	// Restart restarts a service; the error is programs.ErrNotReady, or bus.ErrRefused.
	Restart(service, path string) error
	// Said returns the last lines of a service after a number, and the number to continue after. apart: its output is
	// elsewhere.
	Said(service string, after uint64, limit int) (lines []said.Line, next uint64, apart bool, err error)
}

// Config is what answering needs.
type Config struct {
	Host     string
	Services Services
	View     func() role.View
	Note     func(caller operator.Caller, what, text string) // makes an event of the outcome of a call
	Registry *registry.Registry
}

// answers is a Config at work.
type answers struct{ Config }

// Answer registers the answers about services.
func Answer(c Config) {
	a := answers{c}
	registry.Answer(c.Registry, operator.CallServices, a.list)
	registry.Answer(c.Registry, operator.CallRestartService, a.restart)
	registry.Answer(c.Registry, operator.CallServiceLog, a.log)
	registry.AnswerPart(c.Registry, operator.PartServices, a.listOwn)
	registry.AnswerOrder(c.Registry, operator.PartRestartService, a.restartOwn)
	registry.AnswerPart(c.Registry, operator.PartServiceLog, a.logOwn)
}

// other returns the other host's name, as far as it is known.
func (a answers) other() string {
	if v := a.View(); v.HasPeer && v.Peer.Host != "" {
		return v.Peer.Host
	}
	return "the other host"
}

func (a answers) list(ctx context.Context, caller operator.Caller, q operator.None) (programs.ServiceList, error) {
	own, other := registry.Shares(ctx, a.Registry, operator.PartServices, caller, q, a.listOwn)
	if own.Err != nil {
		return own.Answer, own.Err
	}
	list := own.Answer
	if other.Err != nil {
		list.Hosts = append(list.Hosts, programs.ServicesHost{Host: a.other(), Problem: other.Err.Error()})
		return list, nil
	}
	list.Hosts = append(list.Hosts, other.Answer.Hosts...)
	list.Services = append(list.Services, other.Answer.Services...)
	slices.SortStableFunc(list.Services, func(x, y programs.Service) int { return cmp.Compare(x.Service, y.Service) })
	return list, nil
}

func (a answers) listOwn(ctx context.Context, _ operator.Caller, _ operator.None) (programs.ServiceList, error) {
	return programs.ServiceList{Hosts: []programs.ServicesHost{{Host: a.Host}}, Services: a.Services.Services(ctx)}, nil
}

// restart restarts a service on both hosts, the standby first: a failure there costs nothing. Both are asked beforehand
// whether they can, so that a program that one of them lacks changes nothing.
func (a answers) restart(ctx context.Context, caller operator.Caller, q programs.RestartService) (programs.ServiceRestarted, error) {
	done := programs.ServiceRestarted{ID: caller.ID, Services: []programs.Service{}}
	type host struct {
		name string
		ask  func(programs.RestartOwn) (programs.Service, error)
	}
	v := a.View()
	here := host{a.Host, func(own programs.RestartOwn) (programs.Service, error) { return a.restartOwn(ctx, caller, own) }}
	there := host{a.other(), func(own programs.RestartOwn) (programs.Service, error) {
		return registry.Other(ctx, a.Registry, operator.PartRestartService, caller, own)
	}}
	hosts := []host{here, there}
	switch {
	case v.Role == role.Active:
		hosts = []host{there, here}
	case v.Role != role.Standby && q.Host == "":
		return done, fmt.Errorf("%w: %s is neither active nor standby; --on restarts the service on one host only", operator.ErrRefused, a.Host)
	}
	if q.Host != "" {
		if hosts = slices.DeleteFunc(hosts, func(h host) bool { return h.name != q.Host }); len(hosts) == 0 {
			return done, fmt.Errorf("%w: there is no host %q; there are %s and %s", operator.ErrUsage, q.Host, here.name, there.name)
		}
	}
	for _, h := range hosts {
		_, err := h.ask(programs.RestartOwn{RestartService: q, Try: true})
		if errors.Is(err, operator.ErrForward) && q.Host == "" {
			return done, fmt.Errorf("%w: %s does not answer, so the hosts would run different programs (%w); --on %s restarts the service there only", operator.ErrRefused, h.name, err, a.Host)
		}
		if err != nil {
			return done, err
		}
	}
	for _, h := range hosts {
		one, err := h.ask(programs.RestartOwn{RestartService: q})
		if err == nil {
			done.Services = append(done.Services, one)
			continue
		}
		if len(done.Services) > 0 {
			before := done.Services[0]
			err = fmt.Errorf("%w: %s was restarted on %s, but not on %s: %w", operator.ErrUnfinished, q.Service, before.Host, h.name, err)
			if q.Path != "" {
				err = fmt.Errorf("%w. The hosts run different programs now: use --on %s with the old --path to go back", err, before.Host)
			}
		}
		return done, err
	}
	return done, nil
}

func (a answers) restartOwn(ctx context.Context, caller operator.Caller, q programs.RestartOwn) (programs.Service, error) {
	if q.Try {
		return programs.Service{Host: a.Host, Service: q.Service}, a.Services.CheckRestart(q.Service, q.Path)
	}
	err := a.Services.Restart(q.Service, q.Path)
	if errors.Is(err, programs.ErrNotReady) {
		a.Note(caller, "service restart", fmt.Sprintf("service %s restarted by %s: %v", q.Service, caller.By(), err))
		return programs.Service{}, fmt.Errorf("%w: %w", operator.ErrUnfinished, err)
	}
	if err != nil {
		return programs.Service{}, err
	}
	for _, s := range a.Services.Services(ctx) {
		if s.Service == q.Service {
			text := fmt.Sprintf("service %s restarted on %s by %s", q.Service, a.Host, caller.By())
			if q.Path != "" {
				text += ": it runs " + s.Path
			}
			a.Note(caller, "service restart", text)
			return s, nil
		}
	}
	return programs.Service{}, fmt.Errorf("%w: %s has no service %s any more", operator.ErrUnfinished, a.Host, q.Service)
}

func (a answers) log(ctx context.Context, caller operator.Caller, q programs.ServiceLogRequest) (programs.ServiceLog, error) {
	switch q.Host {
	case a.Host:
		return a.logOwn(ctx, caller, q)
	case a.other():
		return registry.Other(ctx, a.Registry, operator.PartServiceLog, caller, q)
	case "":
	default:
		return programs.ServiceLog{}, fmt.Errorf("%w: there is no host %q; there are %s and %s", operator.ErrUsage, q.Host, a.Host, a.other())
	}
	own, other := registry.Shares(ctx, a.Registry, operator.PartServiceLog, caller, q, a.logOwn)
	if own.Err != nil {
		return own.Answer, own.Err
	}
	log := own.Answer
	if other.Err != nil {
		log.Hosts = append(log.Hosts, programs.ServicesHost{Host: a.other(), Problem: other.Err.Error()})
		return log, nil
	}
	log.Hosts = append(log.Hosts, other.Answer.Hosts...)
	log.Lines = append(log.Lines, other.Answer.Lines...)
	slices.SortStableFunc(log.Lines, func(x, y programs.ServiceLine) int { return x.Time.Compare(y.Time) })
	return log, nil
}

func (a answers) logOwn(_ context.Context, _ operator.Caller, q programs.ServiceLogRequest) (programs.ServiceLog, error) {
	lines, next, apart, err := a.Services.Said(q.Service, q.After, q.Limit)
	if err != nil {
		return programs.ServiceLog{}, err
	}
	log := programs.ServiceLog{Hosts: []programs.ServicesHost{{Host: a.Host, Next: next}}, Lines: []programs.ServiceLine{}}
	if apart {
		log.Hosts[0].Note = q.Service + " is part of hotpair itself: its output is in the log of the host"
	}
	for _, line := range lines {
		log.Lines = append(log.Lines, programs.ServiceLine{Host: a.Host, Line: line})
	}
	return log, nil
}
