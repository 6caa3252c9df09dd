package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/link"
)

// Peer is the standing connection to the other updater.
type Peer interface {
	// Peer is the other host's name.
	Peer() string
	// Await gives the connection, waiting for it. The error is ctx's.
	Await(ctx context.Context) (*bus.Conn, error)
	// Beside opens one more connection there, as another user.
	Beside(ctx context.Context, c bus.ConnConfig) (*bus.Conn, error)
}

// NewPeer returns the standing connection to the other updater, which both hosts keep in both roles.
func NewPeer(c link.RemoteConfig) *link.Remote {
	c.Purpose, c.ServerPrefix = "replication", journal.ServerPrefix
	c.User, c.Inbox = journal.PeerUser, journal.PeerInbox
	return link.NewRemote(c)
}

// openSession connects with granted credentials. lost is called when the server refuses a subject, which means that the
// grant is gone.
func openSession(ctx context.Context, p Peer, c journal.Credentials, lost func(error)) (*bus.Conn, error) {
	conn, err := p.Beside(ctx, bus.ConnConfig{User: c.User, Password: c.Password, Inbox: c.Inbox, Complaint: lost})
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return nil, fmt.Errorf("open session: %w: %w", journal.ErrFenced, err)
	case err != nil:
		return nil, fmt.Errorf("open session: %w", err)
	}
	return conn, nil
}
