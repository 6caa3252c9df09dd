package operator

import (
	"time"
)

// Look is what a host says of itself to the other one, for who watches the pair there.
type Look struct {
	Status Status  `json:"status"`
	Points []Point `json:"points"`
}

// LookRequest asks for it.
type LookRequest struct {
	After time.Time `json:"after"` // points after this time
}
