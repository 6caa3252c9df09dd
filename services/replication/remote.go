package replication

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
)

// Evidence is what the connection to the other host's replication port proves.
type Evidence struct {
	// State is one of bus.EvidenceConnected, EvidenceSilent, EvidenceEnded, EvidenceRefused.
	State string
	// At is when that was seen, on the remote's clock.
	At time.Duration
	// Err is the last error of connection or dial; nil while connected.
	Err error
}

// RemoteConfig describes the standing connection to the other updater.
type RemoteConfig struct {
	// Peer owns the port at Address (host:port); Host is who dials.
	Host, Peer, Address string
	Password            string
	// Ping and Handshake as in bus.ConnConfig; Handshake is also the deadline of a dial. Defaults 100 ms and 2 s.
	Ping, Handshake time.Duration
	Clock           lease.Clock
	// Changed is told of each change of the evidence, one after the other. It must not block.
	Changed func(Evidence)
	Logger  *slog.Logger
}

// Remote keeps a connection to the other updater, in both roles and always (P16).
type Remote struct{}

// NewRemote makes one; it connects while Run runs.
func NewRemote(c RemoteConfig) *Remote { return nil }

// Run connects, and connects again at once when the connection is lost, until ctx ends.
func (r *Remote) Run(ctx context.Context) error { return errors.New("not built yet") }

// Evidence is what is known now.
func (r *Remote) Evidence() Evidence { return Evidence{} }

// Await gives the connection, waiting for it. Its Up context ends with it.
func (r *Remote) Await(ctx context.Context) (*bus.Conn, error) {
	return nil, errors.New("not built yet")
}
