package command

import (
	"context"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
)

// livePace is how often the hosts are asked for new steps during a switchover.
const livePace = 15 * time.Millisecond

// follow shows steps until stop is called, which looks a last time.
func follow(ctx context.Context, shown *screen.Steps, looks []hosts.Look) (stop func()) {
	var clients []*operator.Client
	for _, k := range looks {
		if k.Err == nil {
			clients = append(clients, k.Client())
			shown.Note(k.Status.Events, true)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	for _, client := range clients {
		work.Go(func() {
			ticker := time.NewTicker(livePace)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
				case <-ctx.Done():
					last, end := context.WithTimeout(context.WithoutCancel(ctx), hosts.Moment)
					defer end()
					if s, err := client.Status(last); err == nil {
						shown.Note(s.Events, false)
					}
					return
				}
				if s, err := client.Status(ctx); err == nil {
					shown.Note(s.Events, false)
				}
			}
		})
	}
	return func() { cancel(); work.Wait() }
}
