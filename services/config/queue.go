package config

import (
	"fmt"
	"strconv"
	"time"
)

// Queue bounds what a terminal's agent keeps of queued requests and their outcomes.
type Queue struct {
	TerminalQueueEntries   int           `split_words:"true" default:"10000" form:"number" desc:"How many queued requests may wait, including those whose outcome is unknown, 1 to 60000. Beyond this bound and the next two, new requests are refused with 507."`
	TerminalQueueBytes     Bytes         `split_words:"true" default:"256MiB" form:"bytes" desc:"How large the waiting requests may grow on disk, including 8KiB for the outcome of each, at least 2MiB."`
	TerminalQueueAge       time.Duration `split_words:"true" default:"168h" form:"duration" desc:"No new requests are queued while the oldest one has waited longer than this. Queued requests are kept."`
	TerminalQueueKept      int           `split_words:"true" default:"10000" form:"number" desc:"How many outcomes are kept for applications to fetch, 1 to 1000000; beyond that the oldest is removed."`
	TerminalQueueKeptBytes Bytes         `split_words:"true" default:"64MiB" form:"bytes" desc:"How large the outcomes may grow on disk, at least 2MiB."`
}

const (
	// mostQueued is below the number of answers that a pair keeps for one series.
	mostQueued  = 60_000
	mostOutcome = 1_000_000
	leastQueue  = 2 << 20
	longestAge  = 10 * 365 * 24 * time.Hour
)

func (q *Queue) check(c *checker) {
	for _, f := range []struct {
		variable    string
		value, most int
	}{{"TERMINAL_QUEUE_ENTRIES", q.TerminalQueueEntries, mostQueued}, {"TERMINAL_QUEUE_KEPT", q.TerminalQueueKept, mostOutcome}} {
		if f.value < 1 || f.value > f.most {
			c.fault(f.variable, strconv.Itoa(f.value), "is too small or too large", fmt.Sprintf("set it to a number from 1 to %d", f.most))
		}
	}
	c.amount("TERMINAL_QUEUE_BYTES", q.TerminalQueueBytes, leastQueue)
	c.amount("TERMINAL_QUEUE_KEPT_BYTES", q.TerminalQueueKeptBytes, leastQueue)
	c.duration("TERMINAL_QUEUE_AGE", q.TerminalQueueAge, time.Minute, longestAge)
}
