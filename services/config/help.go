package config

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// section is one process, or several that read the same variables, as help shows it.
type section struct {
	title string
	spec  func() any
}

// sections are all processes. No process knows a variable that is in none of them.
var sections = []section{
	{"A host (hotpair supervisor, and the main it starts)", func() any { return new(Host) }},
	{"A witness (hotpair witness)", func() any { return new(Witness) }},
	{"A terminal (hotpair terminal)", func() any { return new(Terminal) }},
	{"The whole pair on one machine (hotpair cluster), passed on to its hosts", func() any { return new(Cluster) }},
	{"Operator commands (hotpair status and others)", func() any { return new(Operator) }},
	{"A business process, of any language (set by main, not by you)", func() any { return new(Business) }},
	{"An updater (set by main, not by you)", func() any { return new(Updater) }},
	{"A terminal-if (set by main, not by you)", func() any { return new(TerminalInterface) }},
	{"The process that makes backups (set by main, not by you)", func() any { return new(Backup) }},
	{"The process that sends emissions (set by main, not by you)", func() any { return new(Courier) }},
	{"Every child process (set by its parent, not by you)", func() any { return new(Inherited) }},
}

const helpIntro = `All settings are environment variables that begin with HOTPAIR_. An empty
variable counts as unset. An unknown HOTPAIR_ variable is an error. All errors
are reported together.

  duration   a number with its unit: 250ms, 2s, 24h, 1h30m
  bytes      a whole number, optionally with KiB, MiB or GiB
  host:port  an address; to listen on all addresses, omit the host: :7702
  list       entries separated by commas
`

// helpWidth is the longest line of a description, for a terminal of 80 columns.
const helpWidth = 80

// Help writes all settings: each variable once, under the first process that reads it, with its form, default and
// meaning.
func Help(w io.Writer) error { return help(w, sections) }

// HelpTerminal is Help for a program that is only the agent of a terminal.
func HelpTerminal(w io.Writer) error {
	return help(w, slices.DeleteFunc(slices.Clone(sections), func(s section) bool {
		_, is := s.spec().(*Terminal)
		return !is
	}))
}

func help(w io.Writer, sections []section) error {
	var b strings.Builder
	b.WriteString(helpIntro)
	described := map[string]bool{}
	for _, s := range sections {
		fmt.Fprintf(&b, "\n%s\n", s.title)
		var also []string
		for _, f := range fields(s.spec()) {
			if described[f.name] {
				also = append(also, f.name)
				continue
			}
			described[f.name] = true
			rule := "no default"
			switch {
			case f.initial() != "":
				rule = "default " + f.initial()
			case f.needed():
				rule = "required"
			}
			fmt.Fprintf(&b, "\n  %s  (%s, %s)\n", f.name, f.tags.Get("form"), rule)
			wrap(&b, "      ", f.tags.Get("desc"))
		}
		if len(also) > 0 {
			b.WriteString("\n")
			wrap(&b, "  ", "Reads also: "+strings.Join(also, " "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap writes text in lines of at most helpWidth letters, each after the indent.
func wrap(b *strings.Builder, indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) >= helpWidth && line != indent {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += word + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
