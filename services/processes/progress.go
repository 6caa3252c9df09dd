package processes

import (
	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/role"
)

// Progress converts the position of the other host's journal from the updater's message to the role machine's form.
func Progress(peer string) role.Progress {
	switch peer {
	case bus.PeerClose:
		return role.Close
	case bus.PeerAwaited:
		return role.Awaited
	case bus.PeerProbe, bus.PeerCatchingUp, bus.PeerReceiving, bus.PeerRefused:
		return role.Behind
	}
	return role.Absent
}
