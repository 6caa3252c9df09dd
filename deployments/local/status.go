package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ErrStatus says that a host did not answer with its status.
var ErrStatus = errors.New("no status")

// Status is what the cluster and the tests need of a host's GET /api/v1/status.
type Status struct {
	Host      string                   `json:"host"`
	Role      string                   `json:"role"` // starting, standby, takeover, active, handover, stopped
	Mode      string                   `json:"mode"` // paired, solo, waiting, catching-up, copying
	Waiting   string                   `json:"waiting,omitempty"`
	Epoch     uint64                   `json:"epoch"`
	Position  string                   `json:"position"`
	Notified  string                   `json:"notified"`
	InSync    []string                 `json:"in_sync"`
	Active    string                   `json:"active"`
	Digest    string                   `json:"digest"` // of the committed position, hex
	InFlight  int                      `json:"frames_in_flight"`
	Processes map[string]ProcessStatus `json:"processes"`
	Terminals struct {
		Attached    int `json:"attached"`
		Warm        int `json:"warm"`
		Unreachable int `json:"unreachable"`
	} `json:"terminals"`
}

// ProcessStatus is one process of a host.
type ProcessStatus struct {
	PID      int    `json:"pid"`
	State    string `json:"state"`
	Restarts int    `json:"restarts"`
}

// Serving tells that this host is the active and serves.
func (s Status) Serving() bool { return s.Role == "active" && s.Active == s.Host }

// InSyncPair tells that both hosts hold every acknowledged update.
func (s Status) InSyncPair() bool { return len(s.InSync) == 2 }

// longestStatus bounds what is read of an answer, in bytes.
const longestStatus = 4 << 20

// FetchStatus asks the host whose console is at url (http://host:port) for its status. ErrStatus when it does not answer.
func FetchStatus(ctx context.Context, client *http.Client, url string) (Status, error) {
	var s Status
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/status", nil)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrStatus, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrStatus, err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, longestStatus)).Decode(&s); err != nil {
		return s, fmt.Errorf("%w: %s answers %s: %w", ErrStatus, url, response.Status, err)
	}
	return s, nil
}

const (
	// pollEvery is how often each host is asked. Changes are shown with the time at which they were noticed, so this is
	// also how late they are at most.
	pollEvery = 100 * time.Millisecond
	// pollPatience is how long an answer may take; a frozen host gives none.
	pollPatience = 500 * time.Millisecond
)

// news is what one host said, or that it said nothing.
type news struct {
	host   string
	status Status
	ok     bool
}

// poll asks one host again and again until ctx ends.
func poll(ctx context.Context, host, url string, tell chan<- news) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 1}}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, pollPatience)
		status, err := FetchStatus(asking, client, url)
		cancel()
		select {
		case tell <- news{host, status, err == nil}:
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
