package replication

import "github.com/hotpair/hotpair/services/journal"

// NewPeer makes the standing connection to the other updater, which both keep in both roles and always.
func NewPeer(c RemoteConfig) *Remote {
	c.Purpose, c.ServerPrefix = "replication", journal.ServerPrefix
	c.User, c.Inbox = journal.PeerUser, journal.PeerInbox
	return NewRemote(c)
}
