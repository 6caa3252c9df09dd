package rollout

import (
	"fmt"
	"strings"

	"github.com/hotpair/hotpair/bus"
)

// Host is what is known of one host.
type Host struct {
	Name    string
	Version string // in one word
	Serves  bool
}

// State is how a pair is. A host that does not answer is not among Hosts.
type State struct {
	Hosts []Host
	// Doubt is why nothing should be touched now; "" when the loss of either host would be no loss.
	Doubt string
	// Attached is how many terminals are served; Unknown where the host that serves is not reached.
	Attached int
	Levels   bus.Levels
}

// Unknown is no number of terminals.
const Unknown = -1

// version is what a host runs, "" when that is not known.
func (s State) version(host string) string {
	for _, h := range s.Hosts {
		if h.Name == host {
			return h.Version
		}
	}
	return ""
}

// Kind is what is to be done.
type Kind string

// The kinds.
const (
	// Wait: nothing, until the doubt is over.
	Wait Kind = "wait"
	// Install the version on a host, and restart it.
	Install Kind = "install"
	// Switchover: the other host has to serve.
	Switchover Kind = "switchover"
	// Done: both hosts run it.
	Done Kind = "done"
)

// Step is what comes next.
type Step struct {
	Kind Kind   `json:"step"`
	Host string `json:"host,omitempty"` // on which
	Text string `json:"text"`           // a sentence for people
}

// Next decides. target is the version that both hosts are to run, in one word.
func Next(s State, target string) Step {
	if s.Doubt != "" {
		return Step{Wait, "", s.Doubt}
	}
	var old []Host
	active := ""
	for _, h := range s.Hosts {
		if h.Version != target {
			old = append(old, h)
		}
		if h.Serves {
			active = h.Name
		}
	}
	switch {
	case len(s.Hosts) < 2 || active == "":
		return Step{Wait, "", "both hosts have to answer, and one of them to serve"}
	case len(old) == 0:
		return Step{Done, "", done(s, target)}
	case len(old) == 2 || !old[0].Serves:
		host := old[0]
		if host.Serves {
			host = old[1]
		}
		return Step{Install, host.Name, fmt.Sprintf("install %s on %s, which is standby and runs %s, and restart it", target, host.Name, host.Version)}
	}
	return Step{Switchover, active, fmt.Sprintf("switchover: %s still runs %s and serves", active, old[0].Version)}
}

// done says what is left.
func done(s State, target string) string {
	text := []string{"both hosts run " + target + ".",
		"Left are the witness and the agents at the terminals, one at a time, whenever it suits: the pair serves without its witness, and agents keep their requests."}
	if s.Levels.Next > s.Levels.Level {
		text = append(text, fmt.Sprintf("When nothing speaks for going back: hotpair upgrade finish, which has the pair rise to level %d and ends the way back.", s.Levels.Next))
	}
	return strings.Join(text, " ")
}
