package operator

import "time"

// Point is the measurements of a host in one interval. Latencies are estimated from buckets, in milliseconds; 0 where
// nothing was measured.
type Point struct {
	Host            string    `json:"host"`
	Time            time.Time `json:"time"`             // end of the interval, on the host's wall clock
	Requests        float64   `json:"requests"`         // answered, per second
	Updates         float64   `json:"updates"`          // committed, per second
	RequestMedianMS float64   `json:"request_p50_ms"`   // from receiving a terminal's request until its answer was sent
	RequestSlowMS   float64   `json:"request_p99_ms"`   // 99 of 100 were faster
	CommitMedianMS  float64   `json:"commit_p50_ms"`    // from sending a frame until it was committed
	CommitSlowMS    float64   `json:"commit_p99_ms"`    // 99 of 100 were faster
	InFlight        int       `json:"in_flight"`        // requests received and not answered at the end
	ApplyLag        uint64    `json:"apply_lag"`        // updates committed and not applied at the end
	NotifyLag       uint64    `json:"notify_lag"`       // updates committed and not known to be on the other host
	OldestMS        float64   `json:"frame_oldest_ms"`  // age of the frame in flight at the end
	Role            string    `json:"role"`             // at the end
	Takeovers       uint64    `json:"takeovers"`        // terms this main has begun as active until the end
	GapMS           float64   `json:"gap_ms,omitempty"` // longest gap without an answer at a terminal, of an attach audited in the interval
}

// Series is the measurements of a host's last minutes, oldest first.
type Series struct {
	Host   string        `json:"host"`
	Every  time.Duration `json:"every_ns"`
	Points []Point       `json:"points"`
}

// Look is a host's status and measurements, for observers of the pair at the other host.
type Look struct {
	Status Status  `json:"status"`
	Points []Point `json:"points"`
}

// LookRequest asks for a Look.
type LookRequest struct {
	After time.Time `json:"after"` // points after this time
}
