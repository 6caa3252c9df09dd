package local

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/terminal"
)

// Fleet says which agents one process runs: those of a cluster, all together, since hundreds of terminals on one
// machine are only there to be served.
type Fleet struct {
	Dir       string // of the cluster; its plan has the secret that the terminals' keys come from
	Port      int    // base of the cluster's ports
	Terminals int
}

// Run runs the agents until ctx ends or one of them fails.
func (f Fleet) Run(ctx context.Context, log *slog.Logger) error {
	secret, err := readPlan(f.Dir)
	if err != nil {
		return err
	}
	p := ports{base: f.Port, terminals: f.Terminals}
	work, ctx := errgroup.WithContext(ctx)
	for i := range f.Terminals {
		id := TerminalID(i)
		data := filepath.Join(f.Dir, terminals, id)
		if err := os.MkdirAll(data, 0o700); err != nil {
			return fmt.Errorf("directory of terminal %s: %w", id, err)
		}
		work.Go(func() error {
			return terminal.Run(ctx, config.Terminal{
				TerminalID: id, TerminalListen: p.terminal(i),
				TerminalKey:      config.Secret(config.TerminalKey(secret, id)),
				TerminalDeadline: 30 * time.Second, TerminalDeadlineMax: 5 * time.Minute,
				Storage: config.Storage{Data: data},
			}, log.With("terminal", id))
		})
	}
	return work.Wait()
}
