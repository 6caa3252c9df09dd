// Package terminals has the terminals of an explored pair as a value: whom each is served by, in which epoch, and whom it reaches.
// A terminal takes no answer of a lower epoch than it has taken, which is the last line of defence where nobody arbitrates (R5).
package terminals

import (
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/canon"
)

// Most terminals of a pair.
const Most = 3

// nobody serves a terminal.
const nobody = 2

// terminal is one of them.
type terminal struct {
	host  uint8 // 0, 1, or nobody
	epoch uint64
	cut   [2]bool // from the host
}

// Set is all terminals of a pair.
type Set struct {
	list [Most]terminal
	n    int
}

// New gives n terminals that nobody has served.
func New(n int) Set {
	s := Set{n: n}
	for k := range s.list {
		s.list[k].host = nobody
	}
	return s
}

// Len is how many there are.
func (s *Set) Len() int { return s.n }

// Wants reports whether terminal k would be served by a host that attaches its terminals in an epoch.
func (s *Set) Wants(k, host int, epoch uint64) bool {
	t := &s.list[k]
	return !t.cut[host] && (epoch > t.epoch || epoch == t.epoch && t.host == nobody)
}

// Attach makes it so.
func (s *Set) Attach(k, host int, epoch uint64) { s.list[k].host, s.list[k].epoch = uint8(host), epoch }

// Leave ends the sessions in which the host serves.
func (s *Set) Leave(host int) {
	for k := range s.list {
		if s.list[k].host == uint8(host) {
			s.list[k].host = nobody
		}
	}
}

// Served counts the terminals that a host serves in an epoch.
func (s *Set) Served(host int, epoch uint64) (n int) {
	for _, t := range s.list[:s.n] {
		if t.host == uint8(host) && t.epoch == epoch {
			n++
		}
	}
	return n
}

// Sever cuts terminal k from a host, which does not serve it any more.
func (s *Set) Sever(k, host int) {
	t := &s.list[k]
	if t.cut[host] = true; t.host == uint8(host) {
		t.host = nobody
	}
}

// Fix ends that; Cut reports whether it is so.
func (s *Set) Fix(k, host int) { s.list[k].cut[host] = false }

// Cut reports whether terminal k does not reach a host.
func (s *Set) Cut(k, host int) bool { return s.list[k].cut[host] }

// Split reports whether no host reaches most of the terminals that the other reaches too.
func (s *Set) Split() bool {
	for _, t := range s.list[:s.n] {
		if t.cut != [2]bool{} {
			return true
		}
	}
	return false
}

// Seen is what terminal-if of a host tells its main of them.
func (s *Set) Seen(host int) role.Terminals {
	var seen role.Terminals
	var accepted []uint64
	for _, t := range s.list[:s.n] {
		switch {
		case t.cut[host]:
			seen.Unreachable++
			continue
		case t.host == uint8(host):
			seen.Attached++
		default:
			seen.Warm++
		}
		accepted = append(accepted, t.epoch)
	}
	seen.MostEpoch = membership.MostAccepted(accepted)
	return seen
}

// Asked is what they answer a host that asks who serves them. other: the other host is there, and not only its connections.
func (s *Set) Asked(serial uint64, host int, other bool) role.TerminalsAsked {
	in := role.TerminalsAsked{Serial: serial}
	for k, t := range s.list[:s.n] {
		if t.cut[host] {
			continue
		}
		in.Asked++
		if other && t.host == uint8(1-host) {
			in.Fresh = append(in.Fresh, "t1t2t3"[2*k:2*k+2])
		}
	}
	return in
}

// Canonical writes them.
func (s *Set) Canonical(c *canon.Writer) {
	for _, t := range s.list[:s.n] {
		c.Byte(t.host)
		c.EpochNumber(t.epoch)
		c.Bools(t.cut[0], t.cut[1])
	}
}
