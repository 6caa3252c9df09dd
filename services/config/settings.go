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

// longestShown bounds a shown value, in bytes: a list of thousands of terminals would not fit into a message between
// hosts.
const longestShown = 1000

// What is shown of a secret: neither hash nor length, which would help to guess a weak one.
const (
	secretSet   = "set"
	secretUnset = "not set"
)

// Setting is a variable of a host, as shown to operators.
type Setting struct {
	Name    string `json:"name"`
	Default string `json:"default"` // default; empty: none
	Alike   bool   `json:"alike"`   // both hosts should have the same value; otherwise it is the host's own
	HostSetting
}

// HostSettings are the settings of a host.
type HostSettings struct {
	Host     string    `json:"host"`
	Problem  string    `json:"problem,omitempty"` // why they are unknown
	Settings []Setting `json:"settings"`
}

// PairSettings shows the settings of both hosts side by side.
type PairSettings struct {
	Host     string         `json:"host"`     // hosts that were asked
	Hosts    []SettingsHost `json:"hosts"`    // by name
	Settings []PairSetting  `json:"settings"` // first those that differ, then the others that should be equal, then those of one host
}

// Differing counts the settings that should be equal but are not.
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
	Problem string `json:"problem,omitempty"` // why it did not answer
}

// PairSetting is one setting on both hosts.
type PairSetting struct {
	Name    string                 `json:"name"`
	Default string                 `json:"default"` // default; empty: none
	Alike   bool                   `json:"alike"`   // both hosts should have the same value; otherwise it is the host's own
	Differs bool                   `json:"differs"` // the values should be equal but are not; of secrets only whether they are set can be compared
	Hosts   map[string]HostSetting `json:"hosts"`   // by name of the host; without a host that did not answer, or whose version does not know it
}

// HostSetting is one setting on one host.
type HostSetting struct {
	Value   string `json:"value"`   // as the variable would hold it, lists in order; of a secret "set" or "not set"; of a long one its beginning and what tells it from others; empty: none
	Changed bool   `json:"changed"` // it is not the default
}

// Changed reports whether a host has set it to a value other than the default.
func (s PairSetting) Changed() bool {
	for _, h := range s.Hosts {
		if h.Changed {
			return true
		}
	}
	return false
}

// Shown returns all variables of a host, set or not, in the order of their declaration. It contains no secrets.
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

// unset are the values of a host with no variables set.
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

// canonical is written in one form for all values that mean the same, as people write it.
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

// shortened adds a hash to long values: two lists of terminals may begin alike and be equally long.
func shortened(value string) string {
	if len(value) <= longestShown {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return fmt.Sprintf("%s… (%d bytes, SHA-256 %x…)", strings.ToValidUTF8(value[:longestShown/10], ""), len(value), sum[:6])
}

// Join puts the settings of hosts side by side. asked is the host that joins them.
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
