package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/lateness"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/refusals"
	"github.com/hotpair/hotpair/services/wires"
)

// Measures are the cumulative counts of a host at one moment.
type Measures struct {
	Updater   bus.UpdaterMeasures
	Terminals bus.TerminalMeasures
	InFlight  int           // requests of terminals that were received and are not answered
	Oldest    time.Duration // age of the frame in flight; 0 is none
	Refused   refusals.Counts
	Takeovers uint64 // terms that this main began as active
	Lease     time.Duration
	Gap       histogram.Sample // longest gap without an answer at a terminal, for each attach with one
	Heard     histogram.Sample // how late each heartbeat of the other main came
	Replied   histogram.Sample // how late each reply to a heartbeat came
	Lateness  lateness.Day     // of the last day
}

// Source is the host that is measured. Both calls are made at each scrape, and must not wait for anything.
type Source interface {
	Status(ctx context.Context) operator.Status
	Measures() Measures
}

// Collector exports the metrics of a host to Prometheus.
type Collector struct {
	source Source
	descs  descs
}

// NewCollector makes the collector of a host.
func NewCollector(s Source) *Collector { return &Collector{source: s, descs: newDescs()} }

// Handler serves the page for Prometheus: the host's metrics, and those of main as a Go process.
func Handler(s Source) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector(s), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 5 * time.Second})
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs.all {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	s, m := c.source.Status(context.Background()), c.source.Measures()
	d := c.descs
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	count := func(desc *prometheus.Desc, value uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	gauge(d.info, 1, s.Host, s.Version, s.PairID)
	gauge(d.started, float64(s.Started.UnixMilli())/1000)
	oneOf(gauge, d.role, Roles(), s.Role)
	oneOf(gauge, d.mode, Modes(), s.Mode)
	gauge(d.epoch, float64(s.Epoch))
	gauge(d.level, float64(s.PairLevel))
	gauge(d.recordVersion, float64(s.RecordVersion))
	gauge(d.fit, truth(s.Fit))
	gauge(d.inSync, float64(len(s.InSync)))
	gauge(d.right, float64(s.RightUntilMS)/1000)

	gauge(d.sequence, float64(s.Position.Sequence), "journal")
	gauge(d.sequence, float64(s.Committed.Sequence), "committed")
	gauge(d.sequence, float64(s.Applied.Sequence), "applied")
	gauge(d.sequence, float64(s.Notified.Sequence), "notified")
	gauge(d.applyLag, float64(s.Lag))
	gauge(d.notifyLag, float64(s.Committed.Sequence-min(s.Notified.Sequence, s.Committed.Sequence)))
	gauge(d.divergent, float64(s.Divergent))
	gauge(d.oldest, m.Oldest.Seconds())

	gauge(d.link, truth(s.Peer.Link == evidence.Connected))
	gauge(d.replication, truth(s.Peer.Replication == evidence.Connected))
	if s.Peer.HeardMS >= 0 {
		gauge(d.heard, float64(s.Peer.HeardMS)/1000)
	}
	if !s.Witness.None {
		gauge(d.witness, truth(s.Witness.Reachable))
	}
	for name, p := range s.Processes {
		gauge(d.up, truth(p.State == "ready"), name)
		count(d.restarts, uint64(max(p.Restarts, 0)), name)
	}
	gauge(d.terminals, float64(s.Terminals.Attached), "attached")
	gauge(d.terminals, float64(s.Terminals.Warm), "warm")
	gauge(d.terminals, float64(s.Terminals.Unreachable), "unreachable")
	for state, n := range map[string]int{"kept": s.Timers.Kept, "parked": s.Timers.Parked, "running": s.Timers.Running, "failing": s.Timers.Failing} {
		gauge(d.timers, float64(n), state)
	}
	for state, n := range map[string]int{"behind": s.Notices.Behind, "failing": s.Notices.Failing} {
		gauge(d.noticed, float64(n), state)
	}
	count(d.notices, s.Notices.Sent, "sent")
	count(d.notices, s.Notices.Missed, "missed")
	gauge(d.timerLate, s.Timers.Late.Seconds())
	for state, n := range map[string]int{"waiting": s.Emissions.Waiting, "parked": s.Emissions.Parked, "out": s.Emissions.Out} {
		gauge(d.emissions, float64(n), state)
	}
	gauge(d.emissionsDeferred, truth(s.Emissions.Deferred))
	count(d.emissionsSent, s.Emissions.Sent)
	count(d.emissionTries, s.Emissions.Tries)
	wiresOf(gauge, count, d, s.Wires)
	gauge(d.alarms, float64(len(s.Alarms)))
	backupsOf(gauge, d, s.Backups)
	if t := s.Trail; t != nil {
		count(d.trailWritten, t.Written)
		count(d.trailLost, t.Lost)
		gauge(d.trailFails, truth(t.Problem != ""))
	}
	if s.Audit != nil {
		gauge(d.auditChecked, float64(s.Audit.Checked))
		gauge(d.auditMissing, float64(s.Audit.Missing))
	}

	count(d.takeovers, m.Takeovers)
	count(d.updates, m.Updater.Updates)
	for _, k := range refusals.Kinds() {
		count(d.refused, m.Refused[k], k.Door(), k.Reason())
	}
	gauge(d.inFlight, float64(m.InFlight))
	histogramOf(to, d.commit, m.Updater.Commit)
	histogramOf(to, d.journal, m.Updater.Journal)
	histogramOf(to, d.copied, m.Updater.Replication)
	histogramOf(to, d.request, m.Terminals.Request)
	histogramOf(to, d.gap, m.Gap)
	histogramOf(to, d.beatLate, m.Heard)
	histogramOf(to, d.replyLate, m.Replied)
	gauge(d.lease, m.Lease.Seconds())
	if m.Lateness.Borne > 0 {
		gauge(d.leaseBorne, m.Lateness.Borne.Seconds())
	}
}

// Roles and Modes are the values that the labels role and mode can have; of each exactly one is 1.
func Roles() []string {
	return []string{"starting", "standby", "takeover", "active", "handover", "stopped"}
}

// Modes are the values of the label mode.
func Modes() []string { return []string{"paired", "solo", "waiting", "catching-up", "copying"} }

func oneOf(gauge func(*prometheus.Desc, float64, ...string), desc *prometheus.Desc, values []string, present string) {
	for _, v := range values {
		gauge(desc, truth(v == present), v)
	}
}

// wiresOf exports the state of the wires between machines.
func wiresOf(gauge func(*prometheus.Desc, float64, ...string), count func(*prometheus.Desc, uint64, ...string), d descs, w wires.Seen) {
	gauge(d.wiresTLS, truth(w.TLS))
	if !w.TLS {
		return
	}
	gauge(d.certificateEnd, float64(w.Certificate.NotAfter.Unix()))
	gauge(d.certificateUsable, truth(w.Certificate.Fault == ""))
	gauge(d.terminalsEnding, float64(w.Terminals.Ending))
	// A peer has two certificates while it renews: the one that ends first counts.
	ends := map[string]time.Time{}
	for _, p := range w.Peers {
		if n, err := identity.Parse(p.Name); err != nil || n.Role == identity.RoleTerminal {
			continue
		}
		if end, there := ends[p.Name]; !there || p.NotAfter.Before(end) {
			ends[p.Name] = p.NotAfter
		}
	}
	for name, end := range ends {
		gauge(d.peerEnd, float64(end.Unix()), name)
	}
	refused := map[[2]string]uint64{}
	for _, door := range w.Doors {
		for reason, n := range door.Refused {
			refused[[2]string{door.Door, reason}] += n
		}
	}
	for of, n := range refused {
		count(d.doorRefused, n, of[0], of[1])
	}
}

// backupsOf exports the state of the pair's automatic backups, if there are any.
func backupsOf(gauge func(*prometheus.Desc, float64, ...string), d descs, b *backups.Upkeep) {
	if b == nil {
		return
	}
	gauge(d.backupEvery, b.Every.Seconds())
	if good := b.Good(); !good.IsZero() {
		gauge(d.backupGood, float64(good.UnixMilli())/1000)
	}
	if b.Last != nil {
		gauge(d.backupBytes, float64(b.Last.Bytes))
	}
	if b.Tried != nil {
		gauge(d.backupTried, float64(b.Tried.At.UnixMilli())/1000)
	}
	failed := 0
	if b.Failed != nil {
		failed = b.Failed.Tries
	}
	gauge(d.backupFailed, float64(failed))
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// histogram converts a sample for Prometheus: cumulative buckets.
func histogramOf(to chan<- prometheus.Metric, desc *prometheus.Desc, s histogram.Sample) {
	buckets := map[float64]uint64{}
	var below uint64
	for i, bound := range histogram.Bounds() {
		if i < len(s.Counts) {
			below += s.Counts[i]
		}
		buckets[bound.Seconds()] = below
	}
	to <- prometheus.MustNewConstHistogram(desc, s.Count(), s.Sum.Seconds(), buckets)
}
