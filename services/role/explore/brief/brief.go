// Package brief says in a few words what an input or action of the role machine tells.
package brief

import (
	"fmt"
	"strings"

	"github.com/hotpair/hotpair/services/role"
)

// Of shows what of an input or action tells something.
func Of(v any) string {
	switch v := v.(type) {
	case role.RecordRead:
		return fmt.Sprintf(" version %d revision %d failed %t", v.Record.Version, v.Revision, v.Failed)
	case role.RecordWritten:
		return fmt.Sprintf(" outcome %d revision %d", v.Outcome, v.Revision)
	case role.UpdaterState:
		return fmt.Sprintf(" at %v peer %d note %v", v.Position, v.Peer, v.Note)
	case role.PeerEvidence:
		return fmt.Sprintf(" %v", v)
	case role.Prepared, role.Served, role.Required, role.Drained, role.Prepare, role.Serve, role.Require, role.Drain, role.BecomeStandby, role.TerminalsAsked:
		return fmt.Sprintf(" %+v", v)
	case role.BeatAnswered:
		return fmt.Sprintf(" grant %t %s", v.Grant, v.Refusal)
	case role.WriteRecord:
		return fmt.Sprintf(" expects %d, version %d epoch %d in sync %s", v.Expected, v.Record.Version, v.Record.Epoch, Hosts(v.Record.InSync))
	}
	return ""
}

// Hosts names the hosts of members.
func Hosts(members []role.Member) string {
	var names []string
	for _, m := range members {
		names = append(names, m.Host)
	}
	return strings.Join(names, ",")
}
