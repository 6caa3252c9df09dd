// Package programs has the words in which a host tells of the services that it runs.
package programs

import (
	"errors"
	"time"
)

// ErrNotReady says that a service was restarted and its program does not serve; the text says why, and what runs now.
var ErrNotReady = errors.New("not ready")

// The states of a service.
const (
	Ready      = "ready"
	Starting   = "starting"
	Restarting = "restarting"
	Failed     = "failed" // it was given up; it is tried again all the same
	Stopped    = "stopped"
)

// Service is one service at one host.
type Service struct {
	Host       string    `json:"host"`
	Service    string    `json:"service"`
	State      string    `json:"state"`                // ready, starting, restarting, failed or stopped
	Since      time.Time `json:"since,omitzero"`       // it was started, came up or went down
	Version    string    `json:"version,omitempty"`    // as it says
	Operations []string  `json:"operations,omitempty"` // likewise
	PID        int       `json:"pid,omitempty"`
	Restarts   int       `json:"restarts"`       // since main began
	Path       string    `json:"path,omitempty"` // of the program that runs; none is part of hotpair itself
	Set        string    `json:"set,omitempty"`  // of the one that HOTPAIR_BUSINESS names there, when that is another one
	Why        string    `json:"why,omitempty"`  // how the run before ended
}
