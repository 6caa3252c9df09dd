package rollout

import (
	"fmt"
	"strings"

	"github.com/hotpair/hotpair/bus"
)

// Host is the state of one host.
type Host struct {
	Name    string
	Version string // in one word
	Serves  bool
}

// State is the state of a pair. A host that does not answer is missing from Hosts.
type State struct {
	Hosts []Host
	// Doubt is why the pair should not be touched now; "" when it would survive the loss of either host.
	Doubt string
	// Attached is how many terminals are served; Unknown when the serving host can't be reached.
	Attached int
	Levels   bus.Levels
}

// Unknown is an unknown number of terminals.
const Unknown = -1

// version returns the version that a host runs, "" when not known.
func (s State) version(host string) string {
	for _, h := range s.Hosts {
		if h.Name == host {
			return h.Version
		}
	}
	return ""
}

// Kind is the kind of a step.
type Kind string

// The kinds.
const (
	// Wait: nothing, until the doubt is over.
	Wait Kind = "wait"
	// Install the version on a host, and restart it.
	Install Kind = "install"
	// Switchover: the other host must serve.
	Switchover Kind = "switchover"
	// Done: both hosts run it.
	Done Kind = "done"
)

// Step is the next step of a rollout.
type Step struct {
	Kind Kind   `json:"step"`
	Host string `json:"host,omitempty"` // on which
	Text string `json:"text"`           // a sentence for people
}

// Next returns the next step. target is the version that both hosts are to run, in one word.
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
		return Step{Wait, "", "both hosts must answer, and one of them must serve"}
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

// done says what is left to do.
func done(s State, target string) string {
	text := []string{"both hosts run " + target + ".",
		"Upgrade the witness and the agents at the terminals next, one at a time, whenever it suits: the pair serves without its witness, and agents keep their requests."}
	if s.Levels.Next > s.Levels.Level {
		text = append(text, fmt.Sprintf("Once a downgrade is no longer needed: hotpair upgrade finish, which raises the pair to level %d and rules out a downgrade.", s.Levels.Next))
	}
	return strings.Join(text, " ")
}
