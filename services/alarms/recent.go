package alarms

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/histogram"
)

// recent is what only a series of facts shows: restarts of processes within stormWindow, and latencies of the disk
// within diskWindow.
type recent struct {
	restarts        map[string]int
	appends, probes histogram.Sample
}

// history keeps what recent needs of earlier facts. It is for one goroutine.
type history struct {
	restarts restartCount
	appends  sampleWindow
	probes   sampleWindow // of a standby
}

// add takes the present facts.
func (h *history) add(f Facts) recent {
	lately := recent{restarts: map[string]int{}}
	for _, p := range f.Processes {
		lately.restarts[p.Name] = h.restarts.count(p.Name, p.Restarts, f.Now)
	}
	if f.Updater == nil || f.Updater.Measured == nil {
		return lately
	}
	m := f.Updater.Measured
	if m.Probe != nil {
		lately.probes = h.probes.recent(*m.Probe, f.Now)
	}
	lately.appends = h.appends.recent(m.Journal, f.Now)
	return lately
}

// restartCount counts restarts of processes within stormWindow. It is for one goroutine.
type restartCount struct {
	known map[string]int
	times map[string][]time.Duration
}

// count takes the total of restarts of a process, and returns those within stormWindow.
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

// sampleWindow holds the measurements of the last diskWindow. It is for one goroutine.
type sampleWindow struct {
	samples []timedSample
}

type timedSample struct {
	at time.Duration
	histogram.Sample
}

// recent takes a cumulative sample and returns the difference to the oldest one within the window.
func (w *sampleWindow) recent(now histogram.Sample, at time.Duration) histogram.Sample {
	w.samples = append(w.samples, timedSample{at, now})
	// One older than the window is kept: the window begins there.
	for len(w.samples) > 1 && at-w.samples[1].at >= diskWindow {
		w.samples = w.samples[1:]
	}
	return now.Since(w.samples[0].Sample)
}
