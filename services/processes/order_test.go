package processes

import (
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/role"
)

// slow is a machine to which the way of "not ready" is longer than that of "fit".
type slow struct {
	coming chan struct{} // gets one when "not ready" is on its way
	wait   time.Duration

	mu   sync.Mutex
	last role.Fitness
}

func (m *slow) Give(in role.Input) {
	fit, is := in.(role.Fitness)
	if !is {
		return
	}
	if !fit.Fit && m.wait > 0 {
		m.coming <- struct{}{}
		time.Sleep(m.wait)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = fit
}

func (m *slow) fit() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.last.Fit }

// TestFault_D1_TheLastWordOnReadinessIsHeardLast: what was found was told outside the lock, from several goroutines. An old "not
// ready" could arrive after "fit"; nobody judged again, and a new pair stayed without an active.
func TestFault_D1_TheLastWordOnReadinessIsHeardLast(t *testing.T) {
	m := &slow{coming: make(chan struct{}, 1), wait: 300 * time.Millisecond} // the length of the way, no condition
	k := &kept{name: "updater", settled: true}
	p := &Processes{config: Config{Machine: m, Elsewhere: lacking{}, Log: slog.New(slog.DiscardHandler)}, children: []*kept{k}}
	var judging sync.WaitGroup
	judging.Go(p.judge) // of another process, and it finds the updater not ready
	<-m.coming
	k.mu.Lock()
	k.up = true
	k.mu.Unlock()
	judging.Go(p.judge)
	judging.Wait()
	if !m.fit() {
		t.Error("every process is ready, and the machine was told last that one is not")
	}
}

// TestFault_D2_WhatOnlyHangsIsAnOutageOfItsOwn: a service that neither got ready nor ended kept a pair from serving for ever, and so
// did one that a takeover needs and that neither host has.
func TestFault_D2_WhatOnlyHangsIsAnOutageOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &slow{}
		tickets := &kept{name: "business.tickets", service: "tickets", keeper: &process.Keeper{}}
		p := &Processes{config: Config{Machine: m, Elsewhere: lacking{}, Log: slog.New(slog.DiscardHandler)}, patience: time.Minute,
			children: []*kept{{name: "updater", up: true, settled: true}, tickets}}
		p.happened(t.Context(), tickets, process.Started{PID: 7})
		time.Sleep(30 * time.Second)
		if m.fit() {
			t.Error("it is not waited for")
		}
		time.Sleep(time.Minute)
		if !m.fit() {
			t.Error("it is waited for for ever")
		}
		p.config.Host.TakeoverNeeds = config.Names{"tickets"}
		p.judge()
		if m.fit() {
			t.Error("a takeover needs it, and it is not missed")
		}
		p.config.Elsewhere = lacking{"tickets"}
		p.judge()
		if !m.fit() {
			t.Error("neither host has it, and it keeps this one from serving all else")
		}
	})
}
