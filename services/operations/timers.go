package operations

import (
	"context"
	"fmt"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
)

// answerTimers answers about the timers of services. Only the active can change them.
func (o *Operations) answerTimers(r *registry.Registry) {
	registry.Answer(r, operator.CallTimers, func(ctx context.Context, _ operator.Caller, q agenda.List) (agenda.Listed, error) {
		list, err := agenda.CallList.PostWait(ctx, o.Calls, q, callWithin)
		if list.Timers == nil {
			list.Timers = []agenda.Shown{}
		}
		return list, updaterSaid(err)
	})
	registry.Answer(r, operator.CallReleaseTimer, o.changeTimer)
	registry.Answer(r, operator.CallDropTimer, o.changeTimer)
}

// changeTimer releases or drops a timer.
func (o *Operations) changeTimer(ctx context.Context, caller operator.Caller, q agenda.Change) (agenda.Changed, error) {
	done, err := agenda.CallChange.PostWait(ctx, o.Calls, q, tableDeadline)
	done.ID = caller.ID
	if err := updaterSaid(err); err != nil {
		return done, err
	}
	did := "released"
	if q.Drop {
		did = "dropped"
	}
	o.noteOutcome(caller, "timers", fmt.Sprintf("timer %q of %s %s by %s", q.Key, q.Service, did, caller.By()))
	return done, nil
}
