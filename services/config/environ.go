package config

import (
	"encoding"
	"fmt"
	"slices"
	"strings"
)

// passed are the other variables that a child gets: those that any program needs to run, and those that configure the
// Go runtime. A child gets what it needs and no more.
var passed = []string{
	"PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL",
	"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "GOCOVERDIR", "GORACE",
}

// Environ returns the environment from which Load reads the struct back, as sorted NAME=value strings with secrets in
// plain text: it is for starting a process, or for a file that only its owner may read. Give it a pointer to a struct
// of this package. Of a secret from a file it contains the secret and not the file; of terminals from a file, the
// file.
func Environ(spec any) []string {
	var environ []string
	all := fields(spec)
	given := func(name string) bool {
		return slices.ContainsFunc(all, func(f field) bool { return f.name == Prefix+"_"+name && !f.value.IsZero() })
	}
	for _, f := range all {
		text := written(f.value.Interface())
		if f.name == Prefix+"_TERMINALS" && given("TERMINALS_FILE") {
			continue // too many for one variable
		}
		if text == "" || slices.ContainsFunc(inFiles, func(name string) bool { return f.name == Prefix+"_"+name+"_FILE" && given(name) }) {
			continue
		}
		environ = append(environ, f.name+"="+text)
	}
	slices.Sort(environ)
	return environ
}

// inFiles are secrets that a file may hold.
var inFiles = []string{"PAIR_SECRET", "HTTP_TOKEN", "BACKUP_S3_SECRET", "TERMINAL_APP_TOKEN"}

// Apart splits an environment into public variables and secrets.
func Apart(environ []string) (open, secret []string) {
	names := map[string]bool{}
	for _, spec := range []any{&Host{}, &Updater{}, &TerminalInterface{}, &Business{}, &Backup{}, &Courier{}, &Witness{}, &Terminal{}} {
		for _, f := range fields(spec) {
			if _, is := f.value.Interface().(Secret); is {
				names[f.name] = true
			}
		}
	}
	for _, entry := range environ {
		if name, _, _ := strings.Cut(entry, "="); names[name] {
			secret = append(secret, entry)
		} else {
			open = append(open, entry)
		}
	}
	return open, secret
}

// written returns a value as its variable holds it.
func written(value any) string {
	switch v := value.(type) {
	case Secret:
		return v.Reveal()
	case fmt.Stringer: // before TextMarshaler: all of these read back what String writes
		return v.String()
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err != nil {
			return ""
		}
		return string(text)
	}
	return fmt.Sprint(value)
}

// Passed selects the variables that every child gets from an environment: PATH, HOME, TMPDIR, locale, and those of
// the Go runtime.
func Passed(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(passed, name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// ForHost is the exact environment of a supervisor and of the main it starts. Like all of these functions it takes
// the parent's own environment (os.Environ()) for the variables of Passed.
func ForHost(environ []string, h Host) []string {
	return append(Passed(environ), Environ(&h)...)
}

// ForWitness is the exact environment of a witness.
func ForWitness(environ []string, w Witness) []string {
	return append(Passed(environ), Environ(&w)...)
}

// ForTerminal is the exact environment of a terminal's agent.
func ForTerminal(environ []string, t Terminal) []string {
	return append(Passed(environ), Environ(&t)...)
}

// ForUpdater is the exact environment of a host's updater.
func ForUpdater(environ []string, h Host, bus Bus, traffic Traffic) []string {
	return append(Passed(environ), Environ(&Updater{
		Bus: bus, Traffic: traffic, Name: h.Name, Storage: h.Storage,
		Replication: h.Replication, PeerReplication: h.PeerReplication, PairSecret: h.PairSecret, TLS: h.TLS,
		Pace: h.Pace, Patience: h.Patience, Bounds: h.Bounds, Tracing: h.Tracing, Log: h.Log,
	})...)
}

// ForTerminalInterface is the exact environment of a host's terminal-if.
func ForTerminalInterface(environ []string, h Host, bus Bus, traffic Traffic) []string {
	return append(Passed(environ), Environ(&TerminalInterface{
		Bus: bus, Traffic: traffic, Name: h.Name, Storage: h.Storage, PairSecret: h.PairSecret, TLS: h.TLS, Authority: h.Authority, Terminals: h.Terminals, TerminalsFile: h.TerminalsFile,
		Pace: h.Pace, Deferral: h.Deferral, Tracing: h.Tracing, Log: h.Log,
	})...)
}

// ForBusiness is the exact environment of a business process, built in or foreign. It holds no secret but the
// process's own password.
func ForBusiness(environ []string, h Host, bus Bus, routes Routes) []string {
	return append(Passed(environ), Environ(&Business{Bus: bus, Routes: routes, Name: h.Name, Pace: h.Pace, Log: h.Log})...)
}

func (c *Courier) check(k *checker) {
	k.needed(c)
	c.Name.check(k)
}

// ForCourier is the exact environment of the process that sends emissions.
func ForCourier(environ []string, h Host, bus Bus) []string {
	return append(Passed(environ), Environ(&Courier{Bus: bus, Name: h.Name, Pace: h.Pace, Log: h.Log})...)
}
