package operator

import (
	"context"
	"time"
)

const PathPeer = "/api/v1/peer"

// Neighbour is a host that can say how the other one sees itself.
type Neighbour interface {
	// PeerLook gives the other host's own status and what it did after a time, asked for over the link. Errors: ErrForward,
	// ErrUnavailable.
	PeerLook(ctx context.Context, after time.Time) (Look, error)
}

// Look is what a host says of itself to the other one, for who watches the pair there.
type Look struct {
	Status Status  `json:"status"`
	Points []Point `json:"points"`
}
