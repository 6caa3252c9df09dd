package operations

import (
	"context"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// riseWithin bounds the rise of a level: a frame may wait for the other host for HOTPAIR_STANDBY_PATIENCE.
const riseWithin = 10 * time.Second

// answerLevels answers which level the pair is at, and raises it.
func (o *Operations) answerLevels(r *registry.Registry) {
	registry.Answer(r, operator.CallLevels, registry.Plain(func(ctx context.Context) (bus.Levels, error) {
		answer, err := bus.CallLevels.PostWait(ctx, o.Calls, bus.LevelsRequest{}, callWithin)
		return answer, updaterSaid(err)
	}))
	registry.Answer(r, operator.CallRise, registry.Plain(func(ctx context.Context) (bus.Levels, error) {
		answer, err := bus.CallLevels.PostWait(ctx, o.Calls, bus.LevelsRequest{Rise: true}, riseWithin)
		if err == nil && answer.Rose {
			o.say("the pair rose to level %d: programs that know only level %d and lower can't serve it any more", answer.Level, answer.Level-1)
		}
		return answer, updaterSaid(err)
	}))
}

// examineLevel finds an unfinished upgrade. Only the host that serves knows.
func (o *Operations) examineLevel(ctx context.Context, f *findings) {
	l, err := bus.CallLevels.PostWait(ctx, o.Calls, bus.LevelsRequest{}, callWithin)
	switch {
	case err != nil:
	case l.Next > l.Level:
		f.add(operator.Warning, "level", fmt.Sprintf("%d, both hosts know %d", l.Level, l.Next), "hotpair upgrade finish, once a downgrade is no longer needed")
	case l.Hindered != "":
		f.add(operator.Warning, "level", fmt.Sprintf("%d, an upgrade is not finished: %s", l.Level, l.Hindered), "hotpair upgrade says what is missing")
	default:
		f.add(operator.Good, "level", fmt.Sprintf("%d, the newest that both hosts know", l.Level), "")
	}
}
