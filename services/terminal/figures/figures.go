// Package figures has an agent's metrics: it counts answers by code, and writes all counters as a Prometheus page. The
// page is written by hand, so that the agent, which runs on small machines, needs no metrics library. Labels are
// bounded, whatever codes services answer.
package figures

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminal/standing"
)

// codes are counted separately; services may answer others, which are counted together.
var codes = [...]int{
	bus.CodeOK, bus.CodeQueued, bus.CodeMalformed, bus.CodeForbidden, bus.CodeAbsent, bus.CodeConflict, bus.CodeTooOld, bus.CodeTooLarge, bus.CodeOverloaded, bus.CodeFault, bus.CodeNobody,
	bus.CodeUnknown, bus.CodeFull,
}

// Codes counts answers by their codes. The zero value is ready.
type Codes struct {
	known   [len(codes)]atomic.Uint64
	other   atomic.Uint64
	unknown atomic.Uint64
}

// Count counts one answer.
func (c *Codes) Count(code int) {
	for i, known := range codes {
		if code == known {
			c.known[i].Add(1)
			return
		}
	}
	c.other.Add(1)
}

// CountOutcome counts the outcome of a queued request; unknown: its outcome is unknown.
func (c *Codes) CountOutcome(code int, unknown bool) {
	if unknown {
		c.unknown.Add(1)
		return
	}
	c.Count(code)
}

// Figures are the values of an agent's metrics at one moment.
type Figures struct {
	Terminal, Version string
	Attached          bool
	Since             time.Time // of the present state
	Epoch             uint64
	Waiting           int           // requests without an answer
	Oldest            time.Duration // age of the oldest of them
	Queue             Queue
	Takeovers         standing.Total
	Outages           standing.Total
	LastNotice        uint64
	Answers, Outcomes *Codes
}

// Queue are the values of the queue.
type Queue struct {
	Waiting, Bytes int
	Oldest         time.Duration // age of the oldest request
	Unknown, Kept  int           // requests with an unknown outcome; stored outcomes
}

// page is what is written.
type page struct{ bytes.Buffer }

// sample is one value of a family, with its labels as name and value in turn.
type sample struct {
	value  float64
	labels []string
}

// family writes figures of one name.
func (p *page) family(name, kind, help string, samples ...sample) {
	name = "hotpair_terminal_" + name
	fmt.Fprintf(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	for _, s := range samples {
		p.WriteString(name)
		for i := 0; i+1 < len(s.labels); i += 2 {
			p.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
			p.WriteString(s.labels[i] + `="` + label.Replace(s.labels[i+1]) + `"`)
		}
		if len(s.labels) > 0 {
			p.WriteByte('}')
		}
		p.WriteString(" " + strconv.FormatFloat(s.value, 'g', -1, 64) + "\n")
	}
}

// label makes a text fit to stand in one.
var label = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// of is a figure without labels.
func of[N int | uint64](n N) sample { return sample{value: float64(n)} }

func (p *page) gauge(name, help string, s sample) { p.family(name, "gauge", help, s) }

// each returns the counters of all codes, so that none is missing before its first answer.
func (c *Codes) each() (list []sample) {
	for i, code := range codes {
		list = append(list, sample{float64(c.known[i].Load()), []string{"code", strconv.Itoa(code)}})
	}
	return append(list, sample{float64(c.other.Load()), []string{"code", "other"}})
}

// Page returns the text for Prometheus.
func (f Figures) Page() []byte {
	p := &page{}
	p.family("info", "gauge", "The terminal, and the version of its agent.", sample{1, []string{"terminal", f.Terminal, "version", f.Version}})
	attached := 0
	if f.Attached {
		attached = 1
	}
	p.gauge("attached", "Whether a host serves the terminal.", of(attached))
	p.gauge("attached_since_timestamp_seconds", "When the terminal became attached or detached.", sample{value: float64(f.Since.UnixMilli()) / 1000})
	p.gauge("epoch", "The highest epoch that served the terminal.", of(f.Epoch))
	p.gauge("waiting_requests", "Requests without an answer.", of(f.Waiting))
	p.gauge("waiting_oldest_seconds", "Age of the oldest request without an answer.", sample{value: f.Oldest.Seconds()})
	p.gauge("queue_requests", "Queued requests without an outcome.", of(f.Queue.Waiting))
	p.gauge("queue_bytes", "Disk space of the queue, with the room reserved for outcomes.", of(f.Queue.Bytes))
	p.gauge("queue_oldest_seconds", "Age of the oldest queued request.", sample{value: max(0, f.Queue.Oldest.Seconds())})
	p.gauge("queue_unknown", "Queued requests with an unknown outcome that nobody has removed yet.", of(f.Queue.Unknown))
	p.gauge("queue_results", "Stored outcomes of queued requests.", of(f.Queue.Kept))
	p.family("queue_outcomes_total", "counter", "Outcomes of queued requests since the agent started, by code; 0 is success.",
		append(f.Outcomes.each(), sample{float64(f.Outcomes.unknown.Load()), []string{"code", "unknown"}})...)
	p.family("answers_total", "counter", "Answers to applications since the agent started, by code; 0 is success, 202 queued.", f.Answers.each()...)
	both := func(value func(standing.Total) float64) []sample {
		return []sample{{value(f.Takeovers), []string{"kind", "takeover"}}, {value(f.Outages), []string{"kind", "outage"}}}
	}
	p.family("interruptions_total", "counter", "Attaches of another host (takeover) or of the same host again (outage) since the agent started.", both(func(t standing.Total) float64 { return float64(t.Count) })...)
	p.family("interruptions_felt_total", "counter", "Interruptions during which requests waited.", both(func(t standing.Total) float64 { return float64(t.Felt) })...)
	p.family("interruptions_felt_seconds_total", "counter", "Time in interruptions during which requests waited and none was answered.", both(func(t standing.Total) float64 { return t.For.Seconds() })...)
	p.gauge("last_notice", "Number of the last notice that the terminal received.", of(f.LastNotice))
	return p.Bytes()
}
