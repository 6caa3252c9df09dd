package founding

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
)

// ErrPlan says that no pair can be made with these wishes.
var ErrPlan = errors.New("can't make this pair")

// Ports are where a machine listens.
type Ports struct {
	Bus, Link, Replication, HTTP, Witness int
}

// DefaultPorts are those of a pair whose hosts have separate machines.
func DefaultPorts() Ports {
	return Ports{Bus: 7701, Link: 7702, Replication: 7703, HTTP: 7704, Witness: 7705}
}

// terminalPort is where an agent listens for hosts, unless its address says another port.
const terminalPort = "4223"

// Machine is a host or the witness, and its address for the others.
type Machine struct {
	Name    string // of a host
	Address string // an IP address or a name, without a port
	Ports   Ports
}

// Plan lists the machines of a pair.
type Plan struct {
	Pair      string // its id
	Hosts     [2]Machine
	Witness   Machine // Address is config.NoWitness for a pair without
	Terminals config.Terminals
	Services  config.Services // nil: as shipped
	// Life is that of the certificates, if nothing renews them; 0 for the authority's default.
	Life time.Duration
}

// Witnessless reports whether there is no witness.
func (p Plan) Witnessless() bool { return p.Witness.Address == config.NoWitness }

// Check validates a plan. The error is ErrPlan.
func (p Plan) Check() error {
	var faults []string
	note := func(format string, a ...any) { faults = append(faults, fmt.Sprintf(format, a...)) }
	if err := identity.Witness(p.Pair).Check(); err != nil {
		note("--pair: %v", err)
	}
	a, b := p.Hosts[0], p.Hosts[1]
	for _, h := range p.Hosts {
		if err := identity.Host("p", h.Name).Check(); err != nil {
			note("--hosts: %v", err)
		}
		p.address("--hosts", h.Address, note)
	}
	if a.Name == b.Name {
		note("--hosts: both are named %s; give each its own name", a.Name)
	}
	if a.sameAddress(b) && a.Ports == b.Ports && a.Address != "" {
		note("--hosts: both have the address %s; use two machines, so that one failure does not stop both (hotpair cluster runs a pair on one)", a.Address)
	}
	if !p.Witnessless() {
		p.address("--witness", p.Witness.Address, note)
		for _, h := range p.Hosts {
			if h.sameAddress(p.Witness) && h.Ports == p.Witness.Ports && h.Address != "" {
				note("--witness: %s is the address of host %s; use a third machine, so that one failure does not stop both; or none", h.Address, h.Name)
			}
		}
	}
	if a.Name == "witness" || b.Name == "witness" {
		note("--hosts: no host may be named witness, for its bundle would look like the witness's")
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w:\n  %s", ErrPlan, strings.Join(faults, "\n  "))
	}
	return nil
}

func (p Plan) address(flag, address string, note func(string, ...any)) {
	ip, err := netip.ParseAddr(address)
	switch {
	case address == "":
		note("%s: address missing: use NAME=ADDRESS for a host, ADDRESS for the witness", flag)
	case err == nil && (ip.IsUnspecified() || ip.Zone() != ""):
		note("%s: %s is not an address that other machines can reach", flag, address)
	case err != nil && !isName(address):
		note("%s: %q is neither an IP address nor a machine name; give ports with --ports", flag, address)
	}
}

// sameAddress also compares two notations of one address.
func (m Machine) sameAddress(other Machine) bool {
	a, err1 := netip.ParseAddr(m.Address)
	b, err2 := netip.ParseAddr(other.Address)
	if err1 != nil || err2 != nil {
		return strings.EqualFold(m.Address, other.Address)
	}
	return a.Unmap() == b.Unmap()
}

// isName reports whether a text is the name of a machine.
func isName(s string) bool {
	if len(s) > 253 || strings.Trim(s, ".") != s {
		return false
	}
	if last := s[strings.LastIndexByte(s, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return false // an IP address with a typing error: no name ends with a number
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	}) < 0
}

// at is the address of a port of a machine for the others.
func (m Machine) at(port int) string { return net.JoinHostPort(m.Address, strconv.Itoa(port)) }

// listens is where a machine listens: at its IP address, or on all addresses if it has a name.
func (m Machine) listens(port int) string {
	if _, err := netip.ParseAddr(m.Address); err != nil {
		return ":" + strconv.Itoa(port)
	}
	return m.at(port)
}

// Host returns the settings of the host with this index: NAME=value lines, without files of the machine and secrets.
func (p Plan) Host(i int) []string {
	own, other := p.Hosts[i], p.Hosts[1-i]
	witness := config.NoWitness
	if !p.Witnessless() {
		witness = p.Witness.at(p.Witness.Ports.Witness)
	}
	settings := []string{
		setting("HOST", own.Name),
		setting("LINK", own.listens(own.Ports.Link)), setting("REPLICATION", own.listens(own.Ports.Replication)),
		setting("PEER_LINK", other.at(other.Ports.Link)), setting("PEER_REPLICATION", other.at(other.Ports.Replication)),
		setting("WITNESS", witness),
		setting("BUS_PORT", strconv.Itoa(own.Ports.Bus)), setting("HTTP", net.JoinHostPort("127.0.0.1", strconv.Itoa(own.Ports.HTTP))),
	}
	if len(p.Services) > 0 {
		settings = append(settings, setting("BUSINESS", p.Services.String()))
	}
	return settings
}

// WitnessSettings gives those of the witness.
func (p Plan) WitnessSettings() []string {
	return []string{setting("WITNESS_LISTEN", p.Witness.listens(p.Witness.Ports.Witness))}
}

func setting(name, value string) string { return config.Prefix + "_" + name + "=" + value }

// ParseHosts reads NAME=ADDRESS,NAME=ADDRESS. The error is ErrPlan.
func ParseHosts(text string, ports Ports) (hosts [2]Machine, err error) {
	parts := slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(parts) != 2 {
		return hosts, fmt.Errorf("%w: --hosts %q: give two hosts, as a=10.0.0.1,b=10.0.0.2", ErrPlan, text)
	}
	for i, part := range parts {
		name, address, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			return hosts, fmt.Errorf("%w: --hosts: %q is not NAME=ADDRESS, as a=10.0.0.1", ErrPlan, part)
		}
		hosts[i] = Machine{name, bare(address), ports}
	}
	return hosts, nil
}

// bare removes the brackets that often enclose an IPv6 address.
func bare(address string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(address), "["), "]")
}

// ParseTerminals reads ID=ADDRESS, separated by commas or one per line; the address may be nats://HOST:PORT. The
// error is ErrPlan.
func ParseTerminals(text string) (config.Terminals, error) {
	var list []string
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		part = strings.TrimSpace(part)
		if part == "" || strings.HasPrefix(part, "#") {
			continue
		}
		id, address, _ := strings.Cut(part, "=")
		if !strings.Contains(address, "://") {
			if _, _, err := net.SplitHostPort(address); err != nil {
				address = net.JoinHostPort(bare(address), terminalPort)
			}
			address = "nats://" + address
		}
		list = append(list, id+"="+address)
	}
	var terminals config.Terminals
	if err := terminals.Decode(strings.Join(list, ",")); err != nil {
		return nil, fmt.Errorf("%w: --terminals %w: write ID=ADDRESS, as till-1=10.0.1.1", ErrPlan, err)
	}
	return terminals, nil
}

// ParsePorts reads NAME=PORT, separated by commas, for ports other than the defaults. The error is ErrPlan.
func ParsePorts(text string) (Ports, error) {
	p := DefaultPorts()
	fields := map[string]*int{"bus": &p.Bus, "link": &p.Link, "replication": &p.Replication, "http": &p.HTTP, "witness": &p.Witness}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, number, _ := strings.Cut(part, "=")
		field, known := fields[name]
		port, err := strconv.ParseUint(number, 10, 16)
		if !known || err != nil || port == 0 {
			return p, fmt.Errorf("%w: --ports: %q: write bus, link, replication, http or witness with its port, as link=7702", ErrPlan, part)
		}
		*field = int(port)
	}
	used := map[int]string{}
	for _, name := range []string{"bus", "link", "replication", "http"} { // of one machine
		if other, taken := used[*fields[name]]; taken {
			return p, fmt.Errorf("%w: --ports: %s and %s are both %d", ErrPlan, other, name, *fields[name])
		}
		used[*fields[name]] = name
	}
	return p, nil
}
