package terminal

import (
	"context"
	"log/slog"

	"github.com/hotpair/hotpair/services/config"
)

// Run is the process "hotpair terminal": one agent until ctx ends.
func Run(ctx context.Context, c config.Terminal, log *slog.Logger) error {
	return New(Config{
		ID: c.TerminalID, Listen: c.TerminalListen, Apps: c.TerminalApps, Key: c.TerminalKey.Reveal(), Data: c.Data, PairID: c.PairID,
		Deadline: c.TerminalDeadline, MaxDeadline: c.TerminalDeadlineMax, Log: log,
	}).Run(ctx)
}
