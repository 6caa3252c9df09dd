package terminal

import (
	"context"
	"log/slog"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/renewal"
	"github.com/hotpair/hotpair/services/wires"
)

// Run is the process "hotpair terminal": one agent until ctx ends.
func Run(ctx context.Context, c config.Terminal, log *slog.Logger) error {
	sealed, err := wires.OpenTerminal(c.TLS, c.TerminalID, wires.Ground{Data: c.Data, Keep: true}, log)
	if err != nil {
		return err
	}
	var next Renewal
	if sealed.Sealed() {
		next = renewal.NewAgent(identity.Paths{Certificate: c.TLSCert, Key: c.TLSKey, Roots: c.TLSCa}, log)
	}
	a := New(Config{
		ID: c.TerminalID, Listen: c.TerminalListen, Apps: c.TerminalApps, Key: c.TerminalKey.Reveal(), Data: c.Data, PairID: c.PairID,
		Hosts: sealed.Terminal(), Renewal: next, Deadline: c.TerminalDeadline, MaxDeadline: c.TerminalDeadlineMax, Log: log,
	})
	return sealed.During(ctx, a.Run)
}
