package processes

import (
	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/role"
)

// Progress is how far the other host's journal is, in the words of the role machine, from those of the updater.
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
