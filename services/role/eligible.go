package role

import (
	"cmp"
	"fmt"
	"time"
)

// rule is one condition under which this host may take the next epoch (R1). Each stands here once: Eligible decides by
// them, Conditions shows them.
type rule struct {
	name, needed string
	against      func(m *Machine) string // why it is not met; "" when it is
	value        func(m *Machine) string
}

// rules are in the order in which the first that is not met is told.
func rules() [8]rule {
	return [8]rule{
		{"updater", "has reported the state of the disk", (*Machine).lacksFacts, (*Machine).factsText},
		{"pair record", "known, of this pair, no older than the newest seen", (*Machine).lacksRecord, (*Machine).recordText},
		{"in-sync set", "this host is in it", (*Machine).lacksMembership, func(m *Machine) string { return orNone(names(m.record.InSync)) }},
		{"database", "consistent", func(m *Machine) string {
			if m.facts.Inconsistent {
				return "incomplete: a snapshot transfer is unfinished"
			}
			return ""
		}, (*Machine).databaseText},
		{"resignation", "none", func(m *Machine) string {
			if m.facts.Note.Out {
				return fmt.Sprintf("out of the in-sync set after a clean stop or a loss on its disk: waiting for %s", m.partner().Host)
			}
			return ""
		}, func(m *Machine) string {
			if !m.facts.Note.Out {
				return "none"
			}
			return "resigned"
		}},
		{"trust in the own record", "a witness, or the other host heard", func(m *Machine) string {
			if m.config.Witnessless {
				return m.unsureAlone()
			}
			return ""
		}, func(m *Machine) string {
			if m.config.Witnessless {
				return "no witness"
			}
			return "a witness keeps it"
		}},
		{"note of membership", "at least the version that set the in-sync set", func(m *Machine) string {
			if m.record.Epoch > 0 && m.facts.Note.Version < m.record.Membership() {
				return fmt.Sprintf("the note of membership (version %d) is older than the pair record (version %d): the data may be old", m.facts.Note.Version, m.record.Membership())
			}
			return ""
		}, func(m *Machine) string {
			return fmt.Sprintf("version %d, in-sync set of version %d", m.facts.Note.Version, m.record.Membership())
		}},
		{"processes", "all ready", func(m *Machine) string {
			if !m.fit.Fit {
				return "not fit: " + m.fit.Why
			}
			return ""
		}, func(m *Machine) string {
			if m.fit.Fit {
				return "all ready"
			}
			return m.fit.Why
		}},
	}
}

// Eligible reports whether this host may take the next epoch and, if not, why not and which host it waits for (R1).
func (m *Machine) Eligible() (bool, string) {
	for _, r := range rules() {
		if why := r.against(m); why != "" {
			return false, why
		}
	}
	return true, ""
}

// Condition is one rule with its present value.
type Condition struct {
	Name   string
	Value  string // what is
	Needed string // what must be
	Unmet  string // why that is not so, in words; "" when it is
}

// Conditions returns all conditions under which this host may take the next epoch, met or not.
func (m *Machine) Conditions() []Condition {
	var list []Condition
	for _, r := range rules() {
		c := Condition{Name: r.name, Value: r.value(m), Needed: r.needed, Unmet: r.against(m)}
		list = append(list, c)
		if c.Unmet != "" && (r.name == "updater" || r.name == "pair record") {
			break // what follows is about what is not known
		}
	}
	return append(list, m.surroundings()...)
}

// surroundings are conditions that are not this host's own.
func (m *Machine) surroundings() []Condition {
	witness := Condition{Name: "witness", Value: "answers", Needed: "answers"}
	switch {
	case m.config.Witnessless:
		witness.Value, witness.Needed = "none", "none: the terminals vote"
	case m.witnessReplaced() && m.role == Active:
		witness.Value, witness.Unmet = "another witness answers", "the pair record is kept by witness "+m.record.WitnessID+", and "+m.witnessID+" answers: hotpair admit witness"
	case m.readFailed:
		witness.Value, witness.Unmet = "does not answer", "the witness can't be reached, and without it no host can take over or serve alone: "+witnessHelp+"hotpair admit witness"
	case m.register.loss != intact:
		witness.Value, witness.Unmet = "does not have this pair's record", m.lostText()
	}
	pause := Condition{Name: "automatic takeover", Value: "on", Needed: "on"}
	if m.paused() {
		pause.Value = fmt.Sprintf("paused for another %s", (m.pausedUntil - m.now).Round(time.Second))
		pause.Unmet = "automatic takeover is paused by " + m.record.Pause.By
	}
	other := Condition{Name: "other host", Value: "never heard", Needed: fmt.Sprintf("heard in the last %s, connected", m.config.unanswered())}
	if m.havePeer {
		other.Value = fmt.Sprintf("%s, heard %s ago", orNone(m.peer.Host), (m.now - m.heardAt).Round(time.Millisecond))
	}
	if !m.peerLives() {
		other.Unmet = "the other host does not answer"
	}
	list := []Condition{witness, pause, other}
	if m.role == Active {
		list = append(list, Condition{Name: "switchover", Value: orWord(m.mayHandOver(), "possible"), Needed: "possible", Unmet: m.mayHandOver()})
	}
	return list
}

func orWord(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// witnessHelp says what to do about a witness that does not answer, and is followed by what to do with a new one.
const witnessHelp = "start it, or fix the network path to it (HOTPAIR_WITNESS); if it is gone for good, start one with an empty directory in its place, then "

func (m *Machine) lacksFacts() string {
	if !m.haveFacts {
		return cmp.Or(m.config.Hold, "the updater has not reported the state of the disk yet")
	}
	return ""
}

func (m *Machine) lacksRecord() string {
	switch {
	case m.foreign != "":
		return m.foreign
	case m.register.loss != intact:
		return m.lostText()
	case m.haveRecord && m.peerKnowsMore():
		return fmt.Sprintf("%s has seen version %d of the pair record, but the witness shows version %d", m.peer.Host, m.peer.Seen, m.record.Version)
	case m.haveRecord:
		return ""
	case m.readFailed:
		return "the witness can't be reached, so it is unknown which host may serve: " + witnessHelp + "both hosts write the record to it"
	case m.register.empty && !m.facts.Empty:
		return "this host holds data but belongs to no pair: start it with an empty directory, or restore a backup"
	case m.register.empty:
		return "no pair record yet: both empty hosts must see each other and the witness"
	}
	return "the pair record is being read"
}

func (m *Machine) lacksMembership() string {
	if m.record.Has(m.self) {
		return ""
	}
	if m.facts.Inconsistent {
		return m.outsideText() + "; its snapshot transfer continues then"
	}
	return m.outsideText()
}

func (m *Machine) factsText() string {
	if !m.haveFacts {
		return "no report yet"
	}
	return "reported"
}

func (m *Machine) recordText() string {
	if !m.haveRecord {
		return "not known"
	}
	return fmt.Sprintf("version %d, epoch %d of %s", m.record.Version, m.record.Epoch, orNone(m.record.Active.Host))
}

func (m *Machine) databaseText() string {
	if m.facts.Inconsistent {
		return "incomplete: a snapshot transfer is unfinished"
	}
	return "consistent"
}

func orNone(name string) string {
	if name == "" {
		return "nobody"
	}
	return name
}

func (m *Machine) outsideText() string {
	for _, member := range m.record.InSync {
		if member.Host == m.self.Host {
			return "the in-sync set has this host under another identity: its data directory was replaced"
		}
	}
	who := m.record.Active.Host
	if ahead := int64(m.heardCommit.Sequence) - int64(m.position().Sequence); ahead > 0 {
		return fmt.Sprintf("waiting for %s: %d updates ahead", who, ahead)
	}
	return fmt.Sprintf("waiting for %s, which alone holds every acknowledged update", who)
}
