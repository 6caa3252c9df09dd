package config

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// longestShown bounds a value that is shown, in bytes: a list of thousands of terminals would not fit into a message
// between hosts.
const longestShown = 1000

// What is shown of a secret: no hash and no length, by which a weak one could be guessed.
const (
	secretSet   = "set"
	secretUnset = "not set"
)

// Setting is a variable of a host, as whoever may look at the host may see it.
type Setting struct {
	Name    string `json:"name"`
	Default string `json:"default"` // what counts when it is unset; empty: none
	Alike   bool   `json:"alike"`   // both hosts should have the same; the other ones are of one host
	HostSetting
}

// HostSettings is what a host is set to.
type HostSettings struct {
	Host     string    `json:"host"`
	Problem  string    `json:"problem,omitempty"` // why nothing is known of it
	Settings []Setting `json:"settings"`
}

// PairSettings has the settings of both hosts beside each other.
type PairSettings struct {
	Host     string         `json:"host"`     // who was asked
	Hosts    []SettingsHost `json:"hosts"`    // by name
	Settings []PairSetting  `json:"settings"` // first those that differ, then the others that should be alike, then those of one host
}

// Differing counts those that should be alike and are not.
func (p PairSettings) Differing() (n int) {
	for _, s := range p.Settings {
		if s.Differs {
			n++
		}
	}
	return n
}

// SettingsHost is a host that was asked for its settings.
type SettingsHost struct {
	Host    string `json:"host"`
	Problem string `json:"problem,omitempty"` // why it does not tell them
}

// PairSetting is one setting at both hosts.
type PairSetting struct {
	Name    string                 `json:"name"`
	Default string                 `json:"default"` // what counts when it is unset; empty: none
	Alike   bool                   `json:"alike"`   // both hosts should have the same; the other ones are of one host
	Differs bool                   `json:"differs"` // it should be alike and is not; of secrets only whether they are set can be compared
	Hosts   map[string]HostSetting `json:"hosts"`   // by name of the host; without one that does not tell, or whose version does not have it
}

// HostSetting is one setting at one host.
type HostSetting struct {
	Value   string `json:"value"`   // as the variable would hold it, lists in order; of a secret "set" or "not set"; of a long one its beginning and what tells it from others; empty: none
	Changed bool   `json:"changed"` // it is not what it is when unset
}

// Changed reports whether a host has set it to something else than the default.
func (s PairSetting) Changed() bool {
	for _, h := range s.Hosts {
		if h.Changed {
			return true
		}
	}
	return false
}

// Shown gives all variables of a host, whether they were set or not, in the order in which they are declared. No secret
// is among them.
func (h Host) Shown() []Setting {
	initial := unset()
	var list []Setting
	for _, f := range fields(&h) {
		s := Setting{Name: f.name, Default: initial[f.name], Alike: f.alike()}
		if f.secret() {
			s.Value, s.Changed = secretUnset, !f.value.IsZero()
			if s.Changed {
				s.Value = secretSet
			}
		} else {
			whole := canonical(f.value.Interface())
			s.Value, s.Changed = shortened(whole), whole != s.Default
		}
		list = append(list, s)
	}
	return list
}

// unset are the values that a host has of which nothing was set.
func unset() map[string]string {
	var initial Host
	(&checker{failed: map[string]bool{}}).parse(nil, nil, &initial)
	values := map[string]string{}
	for _, f := range fields(&initial) {
		if !f.secret() {
			values[f.name] = canonical(f.value.Interface())
		}
	}
	return values
}

// canonical is what written gives, the same for all values that mean the same, and as people write it.
func canonical(value any) string {
	switch v := value.(type) {
	case Terminals:
		v = slices.Clone(v)
		slices.SortFunc(v, func(a, b TerminalAddress) int { return cmp.Compare(a.ID, b.ID) })
		return v.String()
	case Services:
		v = slices.Clone(v)
		slices.SortFunc(v, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
		return v.String()
	case time.Duration: // 168h, not 168h0m0s
		text := v.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	case slog.Level:
		return strings.ToLower(v.String())
	}
	return written(value)
}

// shortened keeps values that are long apart by a hash: two lists of terminals may begin alike and be equally long.
func shortened(value string) string {
	if len(value) <= longestShown {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return fmt.Sprintf("%s… (%d bytes, SHA-256 %x…)", strings.ToValidUTF8(value[:longestShown/10], ""), len(value), sum[:6])
}

// Join puts what hosts are set to beside each other. asked is the host that joins them.
func Join(asked string, told []HostSettings) PairSettings {
	p := PairSettings{Host: asked, Hosts: []SettingsHost{}, Settings: []PairSetting{}}
	for _, t := range told {
		p.Hosts = append(p.Hosts, SettingsHost{Host: t.Host, Problem: t.Problem})
		for _, s := range t.Settings {
			i := slices.IndexFunc(p.Settings, func(known PairSetting) bool { return known.Name == s.Name })
			if i < 0 {
				i = len(p.Settings)
				p.Settings = append(p.Settings, PairSetting{Name: s.Name, Default: s.Default, Alike: s.Alike, Hosts: map[string]HostSetting{}})
			}
			row := &p.Settings[i]
			for _, other := range row.Hosts {
				row.Differs = row.Alike && other.Value != s.Value
			}
			row.Hosts[t.Host] = s.HostSetting
		}
	}
	slices.SortFunc(p.Hosts, func(a, b SettingsHost) int { return cmp.Compare(a.Host, b.Host) })
	rank := func(s PairSetting) int {
		switch {
		case s.Differs:
			return 0
		case s.Alike:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(p.Settings, func(a, b PairSetting) int { return cmp.Compare(rank(a), rank(b)) })
	return p
}
