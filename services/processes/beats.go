package processes

import (
	"context"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process"
)

// beaten receives a beat: the process is up from its first beat that says ready.
func (p *Processes) beaten(m *nats.Msg) {
	var h bus.Heartbeat
	if err := bus.DecodeJSON(m.Data, &h); err != nil || m.Subject != bus.HeartbeatSubject(h.Process) {
		p.config.Log.Warn("unreadable heartbeat", "subject", m.Subject)
		return
	}
	k := p.find(h.Process)
	if k == nil {
		return
	}
	if !p.heard(k, h) {
		return // of an earlier run
	}
	if h.Ready {
		p.cameUp(k, h.PID)
	}
	p.judge() // what the other host lacks may have changed
}

// heard records a beat, unless it is of an earlier run. It passes the state on before the process can be reported
// down: otherwise the state of a dead process could arrive after the report of its end, and remain.
func (p *Processes) heard(k *kept, h bus.Heartbeat) bool {
	k.order.Lock()
	defer k.order.Unlock()
	k.mu.Lock()
	current := k.pid == h.PID
	if current {
		k.heard = time.Now()
	}
	k.mu.Unlock()
	if !current {
		return false
	}
	k.keeper.Beat(h.PID)
	if len(h.State) > 0 {
		p.config.Watcher.ProcessState(k.name, h.State)
	}
	return true
}

// awaitForeign waits until a program in another language serves: until it answers a ping on its request connection.
func (p *Processes) awaitForeign(ctx context.Context, k *kept, pid int) {
	for again := foreignFirst; ctx.Err() == nil && k.keeper.Status().PID == pid; again = min(2*again, foreignLast) {
		if err := p.ping(ctx, k.service); err == nil {
			p.cameUp(k, pid)
			return
		}
		// Not serving yet: NATS reports that at once.
		_ = pace.Rest(ctx, again)
	}
}

// ping asks a service whether it is there.
func (p *Processes) ping(ctx context.Context, service string) error {
	ctx, cancel := context.WithTimeout(ctx, foreignLast)
	defer cancel()
	return p.config.Traffic.Ping(ctx, p.config.Network, service)
}

func (p *Processes) cameUp(k *kept, pid int) {
	k.order.Lock()
	defer p.judge()
	defer k.order.Unlock()
	k.mu.Lock()
	fresh := !k.up && k.pid == pid
	if fresh {
		k.up, k.settled, k.since = true, true, time.Now()
	}
	k.mu.Unlock()
	if !fresh {
		return
	}
	k.keeper.Ready(pid)
	p.announce(k)
	p.config.Watcher.ProcessUp(k.name)
	k.outcome(nil)
}

func (p *Processes) wentDown(k *kept, exit process.Exit) {
	k.order.Lock()
	defer k.order.Unlock()
	k.mu.Lock()
	was := k.up
	k.up, k.pid, k.settled, k.since = false, 0, true, time.Now()
	k.killed = exit.Signal == syscall.SIGKILL && !k.frozen
	k.mu.Unlock()
	p.announce(k)
	if was {
		p.config.Watcher.ProcessDown(k.name)
	}
}

// announce tells the other processes the state of one process, so that they repeat requests that went down with it.
func (p *Processes) announce(k *kept) {
	k.telling.Lock()
	defer k.telling.Unlock()
	k.mu.Lock()
	state := bus.ProcessState{Process: k.name, Incarnation: k.incarnation, Up: k.up, Killed: k.killed && !k.up}
	k.mu.Unlock()
	// The bus is this process's own: a publish fails only when it is being closed.
	_ = p.config.Conn.Publish(bus.SubjectProcesses+"."+state.Process, bus.EncodeJSON(state))
}

// AnnounceAll repeats which processes are up, for a process that has just come up.
func (p *Processes) AnnounceAll() {
	for _, k := range p.children {
		p.announce(k)
	}
}
