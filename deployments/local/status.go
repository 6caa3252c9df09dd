package local

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// pollEvery is how often each host is asked, at the pace of its beats with the default lease, so that watching
	// does not wake it more often. Changes are shown with the time at which they were noticed, at most this late.
	pollEvery = 125 * time.Millisecond
	// pollPatience is how long an answer may take; a frozen host gives none.
	pollPatience = 500 * time.Millisecond
)

// paired reports that both hosts hold every acknowledged update.
func paired(s operator.Status) bool { return len(s.InSync) == 2 }

// news is an answer of a host, or a missing one.
type news struct {
	host   string
	status operator.Status
	ok     bool
}

// poll asks one host repeatedly until ctx ends.
func poll(ctx context.Context, host, url string, tell chan<- news) {
	client := operator.NewClient(url)
	tick := time.NewTimer(pace.Next(pollEvery))
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, pollPatience)
		status, err := client.Status(asking)
		cancel()
		select {
		case tell <- news{host, status, err == nil}:
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
			tick.Reset(pace.Next(pollEvery))
		case <-ctx.Done():
			return
		}
	}
}
