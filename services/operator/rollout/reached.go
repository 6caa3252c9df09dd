package rollout

import (
	"context"
	"fmt"
	"strings"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
)

// Reached is the pair of the hosts that a command can reach; one of them is enough.
type Reached struct{ Targets []hosts.Target }

// Look implements Pair. The hosts examine each other: both disks, the witness and what the standby would do. This is
// costly, so it is done only now and then.
func (r Reached) Look(ctx context.Context) (s State, err error) {
	looks := hosts.LookAt(ctx, r.Targets)
	best := looks[0]
	if best.Err != nil {
		return s, hosts.AllDown(looks)
	}
	within, cancel := context.WithTimeout(ctx, operator.CallDoctor.Within+hosts.Within)
	defer cancel()
	d, err := operator.CallDoctor.Ask(within, best.Client(), operator.None{})
	if err != nil {
		return s, err
	}
	for _, h := range d.Hosts {
		version, _, _ := strings.Cut(h.Version, " ")
		s.Hosts = append(s.Hosts, Host{h.Host, version, h.Role == "active"})
	}
	s.Attached = Unknown
	if best.Status.Serves() {
		s.Attached = best.Status.Terminals.Attached
	}
	if !d.Takeover {
		s.Doubt = d.Verdict
	}
	for _, f := range d.Findings {
		if s.Doubt == "" && f.Level == operator.Bad.String() {
			s.Doubt = fmt.Sprintf("%s, %s: %s", f.Host, f.Check, f.Value)
		}
	}
	if levels, err := operator.CallLevels.Ask(within, best.Client(), operator.None{}); err == nil { // they are only told
		s.Levels = levels
	}
	return s, nil
}

// Switchover implements Pair.
func (r Reached) Switchover(ctx context.Context) error {
	looks := hosts.LookAt(ctx, r.Targets)
	if looks[0].Err != nil {
		return hosts.AllDown(looks)
	}
	ctx, cancel := context.WithTimeout(ctx, operator.CallSwitchover.Within+hosts.Within)
	defer cancel()
	_, err := operator.CallSwitchover.Ask(ctx, looks[0].Client(), operator.None{})
	return err
}
