package config

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (h *Host) check(c *checker) {
	// First, so that this reason is reported and not every missing variable.
	if h.Witness == "" {
		c.fault("WITNESS", "", "is not set", "set it to host:port of a witness on a third machine, or to "+NoWitness+" to ask the terminals instead, which guarantees less")
	}
	c.needed(h)
	h.Name.check(c)
	if h.BusPort < 0 || h.BusPort > 65535 {
		c.fault("BUS_PORT", strconv.Itoa(h.BusPort), "is no port", "write a number from 1 to 65535, or 0 for any free port")
	}
	c.listen("LINK", h.Link)
	c.listen("REPLICATION", h.Replication)
	c.dial("PEER_LINK", h.PeerLink)
	c.dial("PEER_REPLICATION", h.PeerReplication)
	if !h.Witnessless() {
		c.dial("WITNESS", h.Witness)
	}
	h.PairKey.check(c)
	h.TLS.check(c)
	h.Authority.check(c, h.TLS, h.Data)
	h.Terminals.fill(c, h.TerminalsFile)
	h.TLS.sealed(c, h.wires()...)
	h.Work.check(c)
	h.Console.check(c)
	if _, _, err := net.SplitHostPort(h.HTTP); err == nil && !Loopback(h.HTTP) && h.HTTPTlsCert == "" && !h.Insecure {
		c.fault("HTTP", h.HTTP, "is reachable from other machines, and tokens would cross the network unencrypted", "write 127.0.0.1, or set HOTPAIR_HTTP_TLS_CERT and HOTPAIR_HTTP_TLS_KEY")
	}
	h.Pace.check(c)
	h.Patience.check(c)
	h.Bounds.check(c)
	h.Deferral.check(c)
	h.Hooks.check(c)
	h.Backups.check(c, h.Data)
	h.Tracing.check(c)
	h.checkPorts(c)
}

// wires are the addresses by which this host reaches other machines.
func (h *Host) wires() []wire {
	list := []wire{{"LINK", h.Link}, {"REPLICATION", h.Replication}, {"PEER_LINK", h.PeerLink}, {"PEER_REPLICATION", h.PeerReplication}}
	if !h.Witnessless() {
		list = append(list, wire{"WITNESS", h.Witness})
	}
	for _, t := range h.Terminals {
		list = append(list, wire{"TERMINALS", strings.TrimPrefix(t.URL, "nats://")})
	}
	return list
}

// A service that is needed but not run could never be ready.
func (w *Work) check(c *checker) {
	for _, name := range w.TakeoverNeeds {
		if !slices.ContainsFunc(w.Business, func(s Service) bool { return s.Name == name }) {
			c.fault("TAKEOVER_NEEDS", w.TakeoverNeeds.String(), "names "+name+", which is not a service in HOTPAIR_BUSINESS", "list services that this host runs, or leave it empty")
		}
	}
}

// checkPorts finds two of the host's own listeners on one port, and peers that are the host itself: both happen when
// one host's file is copied to make the other's.
func (h *Host) checkPorts(c *checker) {
	own := []struct{ variable, address string }{
		{"BUS_PORT", net.JoinHostPort("127.0.0.1", strconv.Itoa(h.BusPort))},
		{"LINK", h.Link},
		{"REPLICATION", h.Replication},
		{"HTTP", h.HTTP},
	}
	for i, second := range own {
		for _, first := range own[:i] {
			if collide(first.address, second.address) {
				c.fault(second.variable, second.address, "uses the same port as HOTPAIR_"+first.variable, "give each its own port")
			}
		}
	}
	for _, peer := range []struct{ variable, address string }{{"PEER_LINK", h.PeerLink}, {"PEER_REPLICATION", h.PeerReplication}} {
		i := slices.IndexFunc(own, func(o struct{ variable, address string }) bool {
			return o.address == peer.address && peer.address != ""
		})
		if i >= 0 {
			c.fault(peer.variable, peer.address, "is this host's own HOTPAIR_"+own[i].variable, "write the address of the other host")
		}
	}
	if h.PeerLink != "" && h.PeerLink == h.PeerReplication {
		c.fault("PEER_REPLICATION", h.PeerReplication, "is the same as HOTPAIR_PEER_LINK", "write HOTPAIR_REPLICATION of the other host")
	}
}

// collide reports whether two listeners use one port: on the same address, or one of them on all.
func collide(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	all := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	return hostA == hostB || all(hostA) || all(hostB)
}

func (w *Witness) check(c *checker) {
	c.needed(w)
	c.listen("WITNESS_LISTEN", w.WitnessListen)
	w.PairKey.check(c)
	w.TLS.check(c)
	w.TLS.sealed(c, wire{"WITNESS_LISTEN", w.WitnessListen})
}

func (t *Terminal) check(c *checker) {
	c.needed(t)
	if t.TerminalID != "" && !isTerminalID(t.TerminalID) {
		c.fault("TERMINAL_ID", t.TerminalID, "is no id", "use 1 to 64 letters, digits, hyphens and underscores")
	}
	c.listen("TERMINAL_LISTEN", t.TerminalListen)
	c.loopback("TERMINAL_APPS", t.TerminalApps)
	t.Applications.check(c, t.TerminalApps, t.TerminalListen)
	c.secret("TERMINAL_KEY", t.TerminalKey)
	t.TLS.check(c)
	t.TLS.sealed(c, wire{"TERMINAL_LISTEN", t.TerminalListen})
	t.Queue.check(c)
	c.duration("TERMINAL_DEADLINE_MAX", t.TerminalDeadlineMax, 100*time.Millisecond, maxDeadlines)
	c.duration("TERMINAL_DEADLINE", t.TerminalDeadline, 100*time.Millisecond, max(t.TerminalDeadlineMax, 100*time.Millisecond))
}

func (k *Cluster) check(c *checker) {
	k.Pace.check(c)
	k.Patience.check(c)
	k.Bounds.check(c)
	k.Deferral.check(c)
	k.Hooks.check(c)
	k.Backups.check(c, "")
	k.Tracing.check(c)
	k.Work.check(c)
}

// check ignores a token file that this user may not read: most commands need none.
func (o *Operator) check(c *checker) {
	c.listen("HTTP", o.HTTP)
	if o.HTTPToken == "" && o.HTTPTokenFile != "" {
		o.HTTPToken, _ = readSecret(o.HTTPTokenFile)
	}
}

func (u *Updater) check(c *checker) {
	c.needed(u)
	u.Name.check(c)
	c.listen("REPLICATION", u.Replication)
	c.dial("PEER_REPLICATION", u.PeerReplication)
	c.secret("PAIR_SECRET", u.PairSecret)
	u.TLS.check(c)
	u.Pace.check(c)
	u.Patience.check(c)
	u.Bounds.check(c)
}

func (t *TerminalInterface) check(c *checker) {
	c.needed(t)
	t.Name.check(c)
	t.Terminals.fill(c, t.TerminalsFile)
	c.secret("PAIR_SECRET", t.PairSecret)
	t.TLS.check(c)
	t.Pace.check(c)
	t.Deferral.check(c)
}

func (b *Business) check(c *checker) {
	c.needed(b)
	b.Name.check(c)
	b.Pace.check(c)
}

func (i *Inherited) check(*checker) {}
