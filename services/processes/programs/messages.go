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

var errName = errors.New("give the service by its name in HOTPAIR_BUSINESS")

// ServiceList lists the services of the pair.
type ServiceList struct {
	Hosts    []ServicesHost `json:"hosts"` // hosts that were asked
	Services []Service      `json:"services"`
}

// ServicesHost is a host that was asked about services.
type ServicesHost struct {
	Host    string `json:"host"`
	Problem string `json:"problem,omitempty"` // why it did not answer
	Note    string `json:"note,omitempty"`    // a remark on its answer
	Next    uint64 `json:"next,omitempty"`    // for a log: the number to continue after
}

// RestartService asks to restart a service.
type RestartService struct {
	Service string `json:"service"`
	Path    string `json:"path,omitempty"` // program to run from now on, on the host; empty for the present one
	Host    string `json:"host,omitempty"` // only on this host; empty for both
}

// Check validates the request.
func (q *RestartService) Check() error {
	switch {
	case !bus.ValidName(q.Service):
		return errName
	case q.Path != "" && (!filepath.IsAbs(q.Path) || filepath.Clean(q.Path) != q.Path || len(q.Path) > longestPath):
		return errors.New("give the program by its absolute path on the hosts, without relative parts")
	}
	return nil
}

// Detail describes the request in one line.
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

// RestartOwn asks a host to restart one of its own services, or only to check whether it would.
type RestartOwn struct {
	RestartService
	Try bool `json:"try,omitempty"`
}

// ServiceRestarted lists what runs now, in the order of the restarts.
type ServiceRestarted struct {
	ID       string    `json:"id"` // of the call
	Services []Service `json:"services"`
}

// ServiceLogRequest asks for the last lines of a service.
type ServiceLogRequest struct {
	Service string `json:"service,omitempty"`
	Host    string `json:"host,omitempty"`  // only on this host; empty for both
	After   uint64 `json:"after,omitempty"` // number to continue after, of one host
	Limit   int    `json:"limit,omitempty"` // most lines per host
}

// Check validates the request.
func (q *ServiceLogRequest) Check() error {
	switch {
	case !bus.ValidName(q.Service):
		return errName
	case q.After > 0 && q.Host == "":
		return errors.New("each host numbers its own lines: give a host together with after")
	case q.Limit < 1 || q.Limit > said.MostLines:
		return fmt.Errorf("limit must be 1 to %d", said.MostLines)
	}
	return nil
}

// ServiceLog contains the last lines of a service, by host and in order.
type ServiceLog struct {
	Hosts []ServicesHost `json:"hosts"` // hosts that were asked
	Lines []ServiceLine  `json:"lines"`
}

// ServiceLine is one line of output.
type ServiceLine struct {
	Host string `json:"host"`
	said.Line
}
