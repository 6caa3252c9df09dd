package founding

import (
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/deployments/bundle"
)

// next says what to do with the files.
func (p Pair) next(rootWords, bundleWords string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "Pair %s, made %s\n\n", p.Plan.Pair, p.Made.Format(time.RFC3339))
	s.WriteString("Everything here is secret. Copy each bundle to its machine over a channel that you trust. Then, as root:\n\n")
	for _, b := range p.Bundles {
		fmt.Fprintf(&s, "  on %-24s hotpair join %s\n", b.Address+" ("+bundle.Kind(b.Name)+")", fileOf(b.Name))
	}
	s.WriteString("\nThe order does not matter; the pair serves when all have joined. hotpair status on a host shows its state.\n")
	if bundleWords != "" {
		s.WriteString("The bundles are sealed: join asks for the passphrase, or reads it with --passphrase-file.\n")
	}
	s.WriteString("Once a machine has joined, its bundle is needed only to set it up again on an empty disk: keep it with root.key, or delete it.\n\n")
	fmt.Fprintf(&s, "%s signs the issuing key, %s. No machine of the pair needs it.\n", RootFile, protected(rootWords))
	s.WriteString("Move it from this machine to a safe place: it is needed when a seal is lost (hotpair authority rotate).\n\n")
	if len(p.Plan.Terminals) == 0 {
		s.WriteString("Terminals: on a host, hotpair terminals add till-1=nats://ADDRESS:4223; at the terminal, hotpair terminal enrol TOKEN.\n")
	} else {
		fmt.Fprintf(&s, "Terminals: the hosts know %d. Each enrols once: on a host, hotpair terminals token %s;\nat the terminal, hotpair terminal enrol TOKEN.\n", len(p.Plan.Terminals), p.Plan.Terminals[0].ID)
	}
	return s.String()
}

// shown describes a bundle for people: its settings, without secrets.
func shown(b bundle.Bundle, words string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "bundle of %s of pair %s, %s\n", bundle.Kind(b.Name), b.Name.Pair, protected(words))
	fmt.Fprintf(&s, "for the machine at %s\n", b.Address)
	for _, line := range b.Settings {
		s.WriteString(line + "\n")
	}
	for _, t := range b.Terminals {
		s.WriteString("terminal " + t.ID + "=" + t.URL + "\n")
	}
	s.WriteString("pair secret (hidden)\nprivate key (hidden)\n")
	if c, err := b.Credentials(); err == nil {
		fmt.Fprintf(&s, "certificate of %s until %s\n", c.Self.Name, c.Self.NotAfter.UTC().Format(time.DateOnly))
	}
	if len(b.Issuing) > 0 {
		s.WriteString("issuing key, sealed, and its seal (hidden)\n")
	}
	return s.String()
}
