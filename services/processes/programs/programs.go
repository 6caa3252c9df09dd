// Package programs defines the messages by which a host reports the services that it runs.
package programs

import (
	"errors"
	"time"
)

// ErrNotReady says that a service was restarted but its program does not serve; the text says why, and what runs now.
var ErrNotReady = errors.New("not ready")

// The states of a service.
const (
	Ready      = "ready"
	Starting   = "starting"
	Restarting = "restarting"
	Failed     = "failed" // the keeper gave it up, but keeps trying
	Stopped    = "stopped"
)

// Service is one service at one host.
type Service struct {
	Host       string    `json:"host"`
	Service    string    `json:"service"`
	State      string    `json:"state"`                // ready, starting, restarting, failed or stopped
	Since      time.Time `json:"since,omitzero"`       // last time it was started, came up or went down
	Version    string    `json:"version,omitempty"`    // as the service reports
	Operations []string  `json:"operations,omitempty"` // as the service reports
	PID        int       `json:"pid,omitempty"`
	Restarts   int       `json:"restarts"`       // since main began
	Path       string    `json:"path,omitempty"` // program that runs; empty if it is part of hotpair itself
	Set        string    `json:"set,omitempty"`  // program in HOTPAIR_BUSINESS, if another one runs
	Why        string    `json:"why,omitempty"`  // how the previous run ended
}
