package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestUpgradeCommand(t *testing.T) {
	one, two := level.Range{Oldest: 1, Newest: 1}, level.Range{Oldest: 1, Newest: 2}
	done := bus.Levels{Level: 1, Next: 1, Host: "a", Levels: one, Peer: "b", PeerLevels: one}
	half := bus.Levels{Level: 1, Next: 1, Host: "a", Levels: one, Peer: "b", PeerLevels: two, Hindered: "b knows 1 to 2, a knows 1: upgrade a first"}
	both := bus.Levels{Level: 1, Next: 2, Host: "a", Levels: two, Peer: "b", PeerLevels: two}
	alone := bus.Levels{Level: 1, Next: 1, Host: "a", Levels: two, Peer: "b", Hindered: "b is not in sync"}
	for _, c := range []struct {
		host       *operatortest.Host
		args, want string
	}{
		{&operatortest.Host{Levels: done}, "upgrade", "the pair is at level 1, the newest that both hosts know"},
		{&operatortest.Host{Levels: half}, "upgrade", "b knows 1 to 2, a knows 1: upgrade a first"},
		{&operatortest.Host{Levels: both}, "upgrade", "can rise to 2: hotpair upgrade finish"},
		{&operatortest.Host{Levels: alone}, "upgrade", "b has not reported its levels"},
		{&operatortest.Host{Levels: both}, "upgrade finish", "the pair is at level 2 now"},
		{&operatortest.Host{Levels: done}, "upgrade finish", "the pair is at level 1, the newest"},
		{&operatortest.Host{Levels: both}, "upgrade --json", `"newest": 2`},
		{&operatortest.Host{Err: fmt.Errorf("%w: upgrade a first", operator.ErrRefused)}, "upgrade finish", "refused, nothing was done: upgrade a first"},
		{&operatortest.Host{}, "upgrade run --to=", `--to "" is not a version`},
		{&operatortest.Host{}, "upgrade run --to v1 --within 0", "--within 0s is too short"},
		{&operatortest.Host{}, "upgrade now", `takes no argument "now"`},
	} {
		out, _, err := run(t, append(strings.Fields(c.args), "--http=http://"+serve(t, c.host).Address())...)
		if text := fmt.Sprint(out, err); !strings.Contains(text, c.want) {
			t.Errorf("%s says %s, want %q", c.args, text, c.want)
		}
	}
}
