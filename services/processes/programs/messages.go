package programs

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/processes/said"
)

// longestPath bounds the path of a program.
const longestPath = 4096

var errName = errors.New("name the service as HOTPAIR_BUSINESS does")

// ServiceList is the services of the pair.
type ServiceList struct {
	Hosts    []ServicesHost `json:"hosts"` // who was asked
	Services []Service      `json:"services"`
}

// ServicesHost is a host that was asked about services.
type ServicesHost struct {
	Host    string `json:"host"`
	Problem string `json:"problem,omitempty"` // why it says nothing
	Note    string `json:"note,omitempty"`    // what else is to be known of what it says
	Next    uint64 `json:"next,omitempty"`    // of a log: the number to go on behind
}

// RestartService names a service to restart.
type RestartService struct {
	Service string `json:"service"`
	Path    string `json:"path,omitempty"` // the program that is to run from now on, on the host; none is the one that runs
	Host    string `json:"host,omitempty"` // only there; none is both
}

// Check refuses what no service can be restarted by.
func (q *RestartService) Check() error {
	switch {
	case !bus.ValidName(q.Service):
		return errName
	case q.Path != "" && (!filepath.IsAbs(q.Path) || filepath.Clean(q.Path) != q.Path || len(q.Path) > longestPath):
		return errors.New("name the program by its absolute path on the hosts, in the shortest form")
	}
	return nil
}

// Detail is what is asked, in a line.
func (q RestartService) Detail() string {
	text := q.Service
	if q.Path != "" {
		text += " by " + q.Path
	}
	if q.Host != "" {
		text += " on " + q.Host
	}
	return text
}

// RestartOwn has a host restart a service of its own, or say only whether it would.
type RestartOwn struct {
	RestartService
	Try bool `json:"try,omitempty"`
}

// ServiceRestarted says what runs now, in the order in which it was restarted.
type ServiceRestarted struct {
	ID       string    `json:"id"` // of the call
	Services []Service `json:"services"`
}

// ServiceLogRequest asks for the last lines of a service.
type ServiceLogRequest struct {
	Service string `json:"service,omitempty"`
	Host    string `json:"host,omitempty"`  // only there; none is both
	After   uint64 `json:"after,omitempty"` // number to begin behind, of one host
	Limit   int    `json:"limit,omitempty"` // how many of each host
}

// Check refuses what names no lines.
func (q *ServiceLogRequest) Check() error {
	switch {
	case !bus.ValidName(q.Service):
		return errName
	case q.After > 0 && q.Host == "":
		return errors.New("each host counts its own lines: name the host with after")
	case q.Limit < 1 || q.Limit > said.MostLines:
		return fmt.Errorf("limit is 1 to %d", said.MostLines)
	}
	return nil
}

// ServiceLog is what a service wrote last, by host and in the order in which it did.
type ServiceLog struct {
	Hosts []ServicesHost `json:"hosts"` // who was asked
	Lines []ServiceLine  `json:"lines"`
}

// ServiceLine is one line.
type ServiceLine struct {
	Host string `json:"host"`
	said.Line
}
