package terminal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/renewal"
	"github.com/hotpair/hotpair/services/reread"
	"github.com/hotpair/hotpair/services/systemd"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/services/terminal/web"
	"github.com/hotpair/hotpair/services/wires"
)

// memory is the garbage collector's limit, in bytes: enough for an agent at all of its bounds. The unit's limit is a
// bit higher.
const memory = 1 << 30

// Run is the process "hotpair terminal": one agent until ctx ends. up is called when hosts and applications can
// connect.
func Run(ctx context.Context, c config.Terminal, log *slog.Logger, up func()) error {
	sealed, err := wires.OpenTerminal(c.TLS, c.TerminalID, wires.Environment{Data: c.Data, Keep: true}, log)
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
		Queue: queue.Bounds{Entries: c.TerminalQueueEntries, Bytes: int(c.TerminalQueueBytes), Age: c.TerminalQueueAge, Kept: c.TerminalQueueKept, KeptBytes: int(c.TerminalQueueKeptBytes)},
		Token: c.TerminalAppToken.Reveal(), HTTP: web.Config{Listen: c.HTTP(), Files: c.TerminalFiles, Origins: c.TerminalOrigins},
	})
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
	unit := systemd.Open(os.Getenv, log)
	defer unit.Close()
	return sealed.During(ctx, func(ctx context.Context) error {
		go func() {
			select {
			case <-a.started:
				up()
			case <-ctx.Done():
			}
		}()
		return unit.During(ctx, a.Run, systemd.Service{
			Up: a.started, Says: a.says, Lives: a.lives, Log: log,
			Reread: func() string { return reread.All(ctx, sealed.Rereads(), c.Stale()) },
		})
	})
}

// says is what this agent does, in a line.
func (a *Agent) says() string {
	waiting := wording.Count(uint64(a.Waiting()), "request") + " without an answer yet"
	if said := a.queuedSaid(); said != "" {
		waiting += "; " + said
	}
	if last := a.inbox.Last(); last > 0 {
		waiting += fmt.Sprintf("; last notice %d", last)
	}
	if a.web != nil {
		if err := a.web.Trouble(); err != nil {
			waiting += "; HTTP is not available: " + err.Error()
		}
	}
	if s := a.table.attached(); s != nil {
		return fmt.Sprintf("%s serves it in epoch %d; %s", s.host, s.epoch, waiting)
	}
	epoch, host := a.Epoch()
	if epoch == 0 {
		return "waits for a host; none has attached yet"
	}
	return fmt.Sprintf("waits for a host; %s was the last, in epoch %d; %s", host, epoch, waiting)
}

// livesWithin is how long its own server may take to answer an agent.
const livesWithin = 5 * time.Second

// lives proves that hosts would be answered: their server answers.
func (a *Agent) lives() bool { return a.hosts.FlushTimeout(livesWithin) == nil }
