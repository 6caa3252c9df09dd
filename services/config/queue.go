package config

import (
	"fmt"
	"strconv"
	"time"
)

// Queue is how much a terminal's agent keeps of what its applications queue, and of what came of it.
type Queue struct {
	TerminalQueueEntries   int           `split_words:"true" default:"10000" form:"number" desc:"How many queued requests wait at most, with those of which nobody knows whether they took effect, 1 to 60000. Beyond it, and beyond the two bounds that follow, nothing more is queued: 507."`
	TerminalQueueBytes     Bytes         `split_words:"true" default:"256MiB" form:"bytes" desc:"How large what waits grows at most on the disk, with 8KiB for the outcome of each, at least 2MiB."`
	TerminalQueueAge       time.Duration `split_words:"true" default:"168h" form:"duration" desc:"Nothing more is queued while the first request has waited for longer. What waits stays."`
	TerminalQueueKept      int           `split_words:"true" default:"10000" form:"number" desc:"How many outcomes are kept to be asked for, 1 to 1000000; of more the oldest goes."`
	TerminalQueueKeptBytes Bytes         `split_words:"true" default:"64MiB" form:"bytes" desc:"How large they grow at most, at least 2MiB."`
}

const (
	// mostQueued is below the numbers for which a pair keeps the answers of one series.
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
			c.fault(f.variable, strconv.Itoa(f.value), "is too small or too large", fmt.Sprintf("set it to 1 up to %d", f.most))
		}
	}
	c.amount("TERMINAL_QUEUE_BYTES", q.TerminalQueueBytes, leastQueue)
	c.amount("TERMINAL_QUEUE_KEPT_BYTES", q.TerminalQueueKeptBytes, leastQueue)
	c.duration("TERMINAL_QUEUE_AGE", q.TerminalQueueAge, time.Minute, longestAge)
}
