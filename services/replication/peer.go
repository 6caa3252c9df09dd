package replication

import (
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/link"
)

// NewPeer makes the standing connection to the other updater, which both keep in both roles and always.
func NewPeer(c link.RemoteConfig) *link.Remote {
	c.Purpose, c.ServerPrefix = "replication", journal.ServerPrefix
	c.User, c.Inbox = journal.PeerUser, journal.PeerInbox
	return link.NewRemote(c)
}
