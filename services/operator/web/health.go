package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Paths of the interface.
const (
	PathLive    = "/livez"
	PathReady   = "/readyz"
	PathActive  = "/active"
	PathStandby = "/standby"
)

// finding is one result of a health check.
type finding struct {
	ok   bool
	name string
	text string
}

// Check are the parameters of a health check.
type Check struct {
	Lag     string `json:"lag"`     // how many updates the host may be behind
	Verbose string `json:"verbose"` // return every finding
}

// check is the parameters of a health check: lag is the most updates that may be behind, negative for any; verbose
// asks for every finding instead of the first bad one.
type check struct {
	lag     int64
	verbose bool
}

// checkOf parses lag and verbose. The error is ErrUsage.
func checkOf(r *http.Request) (check, error) {
	c := check{lag: -1}
	for name, given := range r.URL.Query() {
		switch {
		case name == "verbose" && len(given) == 1 && (given[0] == "" || given[0] == "true"):
			c.verbose = true
		case name == "lag" && len(given) == 1:
			n, err := strconv.ParseInt(given[0], 10, 64)
			if err != nil || n < 0 {
				return c, fmt.Errorf("%w: lag=%q is no number of updates", operator.ErrUsage, given[0])
			}
			c.lag = n
		default:
			return c, fmt.Errorf("%w: there are lag (how many updates may be behind) and verbose, each once, not %s=%q", operator.ErrUsage, name, given)
		}
	}
	return c, nil
}

// behind returns a finding about the lag, if the check asked for it.
func (c check) behind(updates uint64, text string) []finding {
	if c.lag < 0 {
		return nil
	}
	return []finding{{updates <= uint64(c.lag), "lag", fmt.Sprintf("%s %s, %d allowed", wording.Count(updates, "update"), text, c.lag)}}
}

func (h *handler) live(w http.ResponseWriter, r *http.Request) error {
	c, err := checkOf(r)
	if err != nil {
		return err
	}
	return c.write(w, "live", []finding{{true, "main", "answers"}})
}

// active checks the right to answer itself, at this moment, as terminal-if does before it sends an answer (R6). With
// lag it also checks that the other host lacks no more than that many updates.
func (h *handler) active(w http.ResponseWriter, r *http.Request) error {
	c, err := checkOf(r)
	if err != nil {
		return err
	}
	// First, so that the status is never older than the right.
	holds := h.holdsRight()
	if holds && c == (check{lag: -1}) {
		return text(w, "active")
	}
	return c.write(w, "active", h.asActive(c, holds, h.host.Status(r.Context())))
}

func (h *handler) asActive(c check, holds bool, s operator.Status) []finding {
	right := finding{holds, "right", s.Host + " may answer terminals"}
	if !holds {
		right.text = fmt.Sprintf("%s is %s and may not answer; active by the pair record is %s", s.Host, s.Role, wording.Or(s.Active, "nobody"))
	}
	return append([]finding{right}, c.behind(unnotified(s), "not at the other host")...)
}

// standby checks that the host is in sync, so that it could take over without a loss. With lag it also checks that its
// database is no more than that many updates behind its journal.
func (h *handler) standby(w http.ResponseWriter, r *http.Request) error {
	c, err := checkOf(r)
	if err != nil {
		return err
	}
	return c.write(w, "standby", asStandby(c, h.host.Status(r.Context())))
}

func asStandby(c check, s operator.Status) []finding {
	sync := finding{inSyncStandby(s), "sync", s.Host + " is an in-sync standby"}
	if !sync.ok {
		sync.text = fmt.Sprintf("%s is no in-sync standby: it is %s, %s", s.Host, s.Role, s.Mode)
	}
	return append([]finding{sync}, c.behind(s.Lag, "not applied")...)
}

// ready checks that this host does its part, as active or as a standby that could take over now.
func (h *handler) ready(w http.ResponseWriter, r *http.Request) error {
	c, err := checkOf(r)
	if err != nil {
		return err
	}
	holds := h.holdsRight()
	if holds && c == (check{lag: -1}) {
		return text(w, "ready: active")
	}
	s := h.host.Status(r.Context())
	word, findings := "ready: active", h.asActive(c, holds, s)
	if !holds {
		word, findings = "ready: standby", asStandby(c, s)
		if !findings[0].ok {
			findings[0].text = s.Sentence
		}
		findings = append(findings, finding{s.Fit, "fit", "every process is ready"})
		if !s.Fit {
			findings[len(findings)-1].text = s.Host + " could not take over: " + wording.Or(s.Unfit, "not fit")
		}
	}
	if c.verbose {
		findings = append(findings, parts(s)...)
	}
	return c.write(w, word, findings)
}

// parts returns the state of the host's parts, as findings that are always ok.
func parts(s operator.Status) []finding {
	var list []finding
	for _, name := range slices.Sorted(maps.Keys(s.Processes)) {
		list = append(list, finding{true, name, s.Processes[name].State})
	}
	list = append(list, finding{true, "link", s.Peer.Link.String()}, finding{true, "replication", s.Peer.Replication.String()})
	if !s.Witness.None {
		word := "reachable"
		if !s.Witness.Reachable {
			word = "not reachable"
		}
		list = append(list, finding{true, "witness", word})
	}
	return list
}

// write answers with the word, or with the bad finding; verbose with all findings.
func (c check) write(w http.ResponseWriter, word string, findings []finding) error {
	failed := slices.IndexFunc(findings, func(f finding) bool { return !f.ok })
	if !c.verbose {
		if failed >= 0 {
			return fmt.Errorf("%w: %s", operator.ErrUnavailable, findings[failed].text)
		}
		return text(w, word)
	}
	var b strings.Builder
	for _, f := range findings {
		mark := "[+]"
		if !f.ok {
			mark = "[-]"
		}
		fmt.Fprintf(&b, "%s %s: %s\n", mark, f.name, wording.Printable(f.text))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if failed >= 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		word = "check failed"
	}
	b.WriteString(word + "\n")
	_, _ = w.Write([]byte(b.String())) // a client that does not read gets no answer
	return nil
}

// unnotified is how many committed updates the other host is not known to hold.
func unnotified(s operator.Status) uint64 {
	return s.Committed.Sequence - min(s.Notified.Sequence, s.Committed.Sequence)
}

// inSyncStandby reports whether the host is a standby that holds every acknowledged update.
func inSyncStandby(s operator.Status) bool {
	return s.Role == "standby" && s.Mode == "paired" && slices.Contains(s.InSync, s.Host)
}
