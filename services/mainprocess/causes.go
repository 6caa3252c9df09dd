package mainprocess

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/role"
)

const (
	// A disk is nearly full below diskLeast, or below diskShare of its size if that is less than diskMost. The alarm ends
	// only with a quarter more, so that it does not come and go with each file.
	diskLeast = 256 << 20
	diskMost  = 4 << 30
	diskShare = 0.05

	// A disk is slow when the median of its appends over diskWindow is above diskSlow, or when one frame takes diskStuck; that of
	// a standby when the median of what it tries is.
	diskSlow    = 100 * time.Millisecond
	diskStuck   = time.Second
	diskWindow  = 10 * time.Second
	diskAppends = 3 // fewer say nothing

	// A process restarts in a storm when it did so stormRestarts times within stormWindow. A main that does so is another
	// one each time; the log counts those.
	stormRestarts = 5
	stormWindow   = 5 * time.Minute
)

// causes gives what is wrong on this host, as far as main sees it.
func (h *host) causes() map[string]string {
	v, now := h.driver.View(), h.clock()
	list := map[string]string{}
	add := func(id, format string, a ...any) { list[id] = fmt.Sprintf(format, a...) }
	if v.Foreign != "" {
		add(alarms.OtherPair, "%s", v.Foreign)
	}
	if v.Refusal != "" {
		add(alarms.PeerRefuses, "the other host refuses this one: %s", v.Refusal)
	}
	if h.twoActives(v, now) {
		add(alarms.TwoActives, "%s serves in epoch %d and %s in epoch %d", h.config.Host, v.Epoch, v.Peer.Host, v.Peer.Epoch)
	}
	if t := h.terminalState.Load(); t != nil && v.Role != role.Starting && t.HighestEpoch > v.Known {
		add(alarms.EpochAhead, "a terminal has seen epoch %d, this host knows %d only: two pairs, or old data", t.HighestEpoch, v.Known)
	}
	if v.WitnessReplaced {
		add(alarms.NoWitness, "no witness of this pair: the next failure stops the service (%s)", replacedWitness(v))
	}
	if w := h.witness.Status(); h.own == nil && !w.Reachable {
		add(alarms.NoWitness, "no witness at %s: the next failure stops the service (%s)", h.config.Witness, w.Problem)
	}
	if v.Role == role.Active && v.Mode == role.Solo {
		add(alarms.SoloTooLong, "solo: no host would take over if this one failed")
	}
	h.processCauses(add)
	if u := h.updaterState.Load(); u != nil {
		asideCauses(u, add)
		h.diskCauses(u, add)
	}
	if why := h.auditor.unfinished(); why != "" {
		add(alarms.AuditUnfinished, "%s", why)
	}
	if err := h.unsaved.Load(); err != nil {
		add(alarms.EventsUnsaved, "events of this host are not kept on disk: %v", *err)
	}
	return list
}

// asideCauses tells what was set aside and known to be committed, so that somebody may count on it, from what nobody is known to
// have been told of: that a host took it for committed, it writes with the next update only, so of the last ones it may
// not know.
func asideCauses(u *bus.UpdaterState, add func(id, format string, a ...any)) {
	if u.Aside == 0 {
		return
	}
	if u.AsideCommitted == 0 {
		add(alarms.Aside, "%d updates that only this host had are set aside in files; of none it is known that it was acknowledged", u.Aside)
		return
	}
	add(alarms.Aside, "%d updates that only this host had are set aside in files", u.Aside)
	add(alarms.AsideCommitted, "%d of the %d updates that are set aside on this host had been committed: who sent them was told that they are done", u.AsideCommitted, u.Aside)
}

// twoActives reports whether the other host has said, since this one serves, that it serves too.
func (h *host) twoActives(v role.View, now time.Duration) bool {
	return v.Role == role.Active && v.Serving && v.HasPeer && v.Peer.Role == role.Active && v.Peer.Serving &&
		v.HeardAt > v.Since && now-v.HeardAt < h.config.Lease
}

func (h *host) processCauses(add func(id, format string, a ...any)) {
	var failed, storms []string
	for _, k := range h.processes.children {
		status := k.keeper.Status()
		if status.GaveUp {
			failed = append(failed, fmt.Sprintf("%s can't be restarted: %s", k.name, status.Last))
		}
		if n := h.restarts.count(k.name, status.Restarts, h.clock()); n >= stormRestarts {
			storms = append(storms, fmt.Sprintf("%s was restarted %d times in %s, last: %s", k.name, n, stormWindow, status.Last))
		}
	}
	if n := h.mainStarts(); n > stormRestarts {
		storms = append(storms, fmt.Sprintf("main was started %d times in %s", n, stormWindow))
	}
	if len(failed) > 0 {
		add(alarms.ProcessFailed, "%s", strings.Join(failed, "; "))
	}
	if len(storms) > 0 {
		add(alarms.RestartStorm, "%s", strings.Join(storms, "; "))
	}
}

// mainStarts counts the mains of this host of which the last events tell.
func (h *host) mainStarts() int {
	seen := map[uint64]bool{}
	for _, e := range h.events.Known() {
		if e.Host == h.config.Host && e.Kind == bus.EventProcess && e.Details[events.DetailProcess] == bus.ProcessMain && time.Since(e.Time) < stormWindow {
			seen[e.Incarnation] = true
		}
	}
	return len(seen)
}

func (h *host) diskCauses(u *bus.UpdaterState, add func(id, format string, a ...any)) {
	if d := u.Disk; d != nil && d.Size > 0 {
		least := max(diskLeast, min(diskMost, uint64(diskShare*float64(d.Size))))
		if h.alarms.IsRaised(alarms.DiskNearlyFull) {
			least += least / 4
		}
		if d.Free < least {
			add(alarms.DiskNearlyFull, "%s has %d MiB free of %d MiB", h.config.Data, d.Free>>20, d.Size>>20)
		}
	}
	if m := u.Measured; m != nil {
		slow := func(what string, recent bus.Sample) {
			if median := recent.Quantile(0.5); recent.Count() >= diskAppends && median > diskSlow {
				add(alarms.SlowDisk, "the disk of host %s: half of the last %d %s took longer than %s", h.config.Host, recent.Count(), what, median.Round(time.Millisecond))
			}
		}
		if m.Probe != nil {
			slow("writes that a standby tries", h.probes.recent(*m.Probe, h.clock()))
		}
		slow("appends to the journal", h.appends.recent(m.Journal, h.clock()))
	}
	if u.OwnStuck && u.OldestFrame > diskStuck {
		add(alarms.SlowDisk, "the disk of host %s: an append to the journal has taken %s so far", h.config.Host, u.OldestFrame.Round(100*time.Millisecond))
	}
}

// restartCount counts restarts of processes within stormWindow. It is for one goroutine.
type restartCount struct {
	known map[string]int
	times map[string][]time.Duration
}

// count takes how often a process was restarted in all, and gives how often lately.
func (c *restartCount) count(name string, total int, now time.Duration) int {
	if c.known == nil {
		c.known, c.times = map[string]int{}, map[string][]time.Duration{}
	}
	for ; c.known[name] < total; c.known[name]++ {
		c.times[name] = append(c.times[name], now)
	}
	c.times[name] = slices.DeleteFunc(c.times[name], func(at time.Duration) bool { return now-at > stormWindow })
	return len(c.times[name])
}

// sampleWindow gives what was measured in the last diskWindow. It is for one goroutine.
type sampleWindow struct {
	samples []timedSample
}

type timedSample struct {
	at time.Duration
	bus.Sample
}

// recent takes a sample and gives what was measured since the oldest one within the window.
func (w *sampleWindow) recent(now bus.Sample, at time.Duration) bus.Sample {
	w.samples = append(w.samples, timedSample{at, now})
	// One older than the window is kept: the window begins there.
	for len(w.samples) > 1 && at-w.samples[1].at >= diskWindow {
		w.samples = w.samples[1:]
	}
	return now.Since(w.samples[0].Sample)
}
