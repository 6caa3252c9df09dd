package load

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Answer is one positive answer.
type Answer struct {
	At    time.Time
	Took  time.Duration
	Epoch uint64 // of the term that wrote; 0 for what wrote nothing
}

// Log is what one client was answered, in order.
type Log struct {
	acknowledged atomic.Int64

	mu      sync.Mutex
	answers []Answer
	failed  []time.Time // when requests without a positive answer ended
}

// Note adds an answer, or that there was no positive one; epoch is that of its position, 0 when it has none.
func (l *Log) Note(began, now time.Time, epoch uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok {
		l.failed = append(l.failed, now)
		return
	}
	l.answers = append(l.answers, Answer{now, now.Sub(began), epoch})
	l.acknowledged.Add(1)
}

// epochOf reads the epoch out of a position, as "7/123".
func epochOf(position string) uint64 {
	epoch, _, _ := strings.Cut(position, "/")
	n, err := strconv.ParseUint(epoch, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// within gives the answers of a stretch of time, and the last one before it.
func (l *Log) within(from, to time.Time) (before *Answer, list []Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begin, _ := slices.BinarySearchFunc(l.answers, from, func(a Answer, t time.Time) int { return a.At.Compare(t) })
	end, _ := slices.BinarySearchFunc(l.answers, to, func(a Answer, t time.Time) int { return a.At.Compare(t) })
	if begin > 0 {
		before = &l.answers[begin-1]
	}
	return before, slices.Clone(l.answers[begin:max(begin, end)])
}

// Logs are those of many clients.
type Logs []*Log

// NewLogs makes so many empty ones.
func NewLogs(n int) Logs {
	logs := make(Logs, n)
	for i := range logs {
		logs[i] = &Log{}
	}
	return logs
}

// Acknowledged counts positive answers so far.
func (logs Logs) Acknowledged() int {
	n := 0
	for _, l := range logs {
		n += int(l.acknowledged.Load())
	}
	return n
}

// Forget drops what was before a time, so that a long run stays small.
func (logs Logs) Forget(before time.Time) {
	for _, l := range logs {
		l.mu.Lock()
		n, _ := slices.BinarySearchFunc(l.answers, before, func(a Answer, t time.Time) int { return a.At.Compare(t) })
		l.answers = slices.Delete(l.answers, 0, n)
		n, _ = slices.BinarySearchFunc(l.failed, before, time.Time.Compare)
		l.failed = slices.Delete(l.failed, 0, n)
		l.mu.Unlock()
	}
}

// Stretch is what clients were answered from one time to another.
type Stretch struct {
	Took   time.Duration   // its length
	Sorted []time.Duration // how long answers took
	Failed int             // requests without a positive answer
	// Longest is the longest time that any client went without an answer; it waited for one all that while, since it
	// never does anything else. A client that gets none until the end counts to the end.
	Longest time.Duration
	// Median of the clients' own longest times.
	Median time.Duration
	// Epochs says when each client got the first answer of a higher epoch than it had before, the earliest first.
	Epochs []time.Time
}

// Rate is answers a second.
func (s Stretch) Rate() float64 { return float64(len(s.Sorted)) / s.Took.Seconds() }

// At gives a percentile of the latency (0 … 1), 0 when nothing was answered.
func (s Stretch) At(p float64) time.Duration {
	if len(s.Sorted) == 0 {
		return 0
	}
	return s.Sorted[min(int(p*float64(len(s.Sorted))), len(s.Sorted)-1)]
}

// Add counts what was answered in another stretch as if it had been in this one: its length, answers and failures.
func (s *Stretch) Add(other Stretch) {
	s.Took += other.Took
	s.Sorted = append(s.Sorted, other.Sorted...)
	slices.Sort(s.Sorted)
	s.Failed += other.Failed
}

// Look gives what all clients were answered in a stretch of time.
func (logs Logs) Look(from, to time.Time) Stretch {
	s := Stretch{Took: to.Sub(from)}
	var longest []time.Duration
	for _, l := range logs {
		own, epoch := l.look(from, to, &s)
		longest = append(longest, own)
		if !epoch.IsZero() {
			s.Epochs = append(s.Epochs, epoch)
		}
	}
	slices.Sort(s.Sorted)
	slices.Sort(longest)
	slices.SortFunc(s.Epochs, time.Time.Compare)
	if len(longest) > 0 {
		s.Longest, s.Median = longest[len(longest)-1], longest[len(longest)/2]
	}
	return s
}

func (l *Log) look(from, to time.Time, s *Stretch) (longest time.Duration, raised time.Time) {
	before, list := l.within(from, to)
	last, epoch := from, uint64(0)
	if before != nil {
		last, epoch = before.At, before.Epoch
	}
	for i, a := range list {
		if i > 0 || before != nil {
			longest = max(longest, a.At.Sub(last))
		}
		last = a.At
		if epoch > 0 && a.Epoch > epoch && raised.IsZero() {
			raised = a.At
		}
		epoch = max(epoch, a.Epoch)
		s.Sorted = append(s.Sorted, a.Took)
	}
	longest = max(longest, to.Sub(last))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.failed {
		if !at.Before(from) && at.Before(to) {
			s.Failed++
		}
	}
	return longest, raised
}

// Recorded gives clients whose answers were recorded elsewhere: for each client pairs of a time and how long the answer
// took, and the times of tries without one, all in nanoseconds, times since 1970.
func Recorded(answers [][][2]int64, failed [][]int64) *Clients {
	c := &Clients{}
	for i := range answers {
		l := &Log{}
		for _, a := range answers[i] {
			l.answers = append(l.answers, Answer{At: time.Unix(0, a[0]), Took: time.Duration(a[1])})
		}
		if i < len(failed) {
			for _, at := range failed[i] {
				l.failed = append(l.failed, time.Unix(0, at))
			}
		}
		l.acknowledged.Store(int64(len(l.answers)))
		c.Logs = append(c.Logs, l)
	}
	return c
}
