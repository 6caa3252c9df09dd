package simulator

import (
	"maps"
	"sync"
	"time"
)

// recorder collects events from all clients.
type recorder struct {
	mu        sync.Mutex
	latency   histogram
	all       tracker
	terminals []tracker
	problems  map[string]int // answers and missing answers that were no success, by code, including repeats
	epoch     uint64
	takeovers []takeover
	unsettled int
}

func newRecorder(terminals int) *recorder {
	r := &recorder{all: tracker{terminal: everywhere}, problems: map[string]int{}}
	for i := range terminals {
		r.terminals = append(r.terminals, tracker{terminal: i})
	}
	return r
}

// begin notes a call that is made.
func (r *recorder) begin(terminal int, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.begin(at)
	r.terminals[terminal].begin(at)
}

// end notes its outcome; err means that it stayed unknown.
func (r *recorder) end(terminal int, began, at time.Time, a answer, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.end(at, err == nil)
	r.terminals[terminal].end(at, err == nil)
	if err != nil {
		r.unsettled++
		return
	}
	r.latency.add(at.Sub(began))
	if e := a.position.Epoch; e > r.epoch {
		if r.epoch != 0 {
			r.takeovers = append(r.takeovers, takeover{e, at})
		}
		r.epoch = e
	}
}

func (r *recorder) problem(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems[code]++
}

// moment is what the live line shows.
type moment struct {
	operations uint64
	most       time.Duration
	epoch      uint64
	waiting    int
	silence    time.Duration // since the last acknowledgement while calls wait
}

func (r *recorder) now(at time.Time) moment {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := moment{operations: r.latency.total, most: r.latency.most, epoch: r.epoch, waiting: r.all.waiting}
	if r.all.waiting > 0 {
		m.silence = at.Sub(r.all.since)
	}
	return m
}

// fill fills a report.
func (r *recorder) fill(report *Report, threshold time.Duration, name func(int) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	report.Operations = r.latency.total
	report.Unsettled = r.unsettled
	report.Errors = maps.Clone(r.problems)
	report.Latency = Latency{
		P50: r.latency.percentile(0.50), P95: r.latency.percentile(0.95), P99: r.latency.percentile(0.99), Max: r.latency.most,
	}
	gaps := append([]gap(nil), r.all.gaps...)
	for _, t := range r.terminals {
		gaps = append(gaps, t.gaps...)
	}
	report.all = gaps
	report.Takeovers = takeovers(r.takeovers, gaps, name)
	all := interruptions(gaps, threshold, name)
	report.Interruptions = len(all)
	report.Gaps = longest(all, keptGaps)
	if len(all) > 0 {
		report.LongestGap = longest(all, 1)[0].felt()
	}
}
