package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Bounds of settings. The checks state the reasons.
const (
	minLease     = 100 * time.Millisecond
	maxLease     = time.Minute
	minJournal   = 16 << 20
	minHistory   = 1 << 20
	minUpdates   = 100
	minEvents    = 100
	maxEvents    = 1_000_000
	maxTries     = 1000
	maxDeadlines = 5 * time.Minute
	minHook      = time.Second
	maxHook      = 10 * time.Minute
)

// checker collects the faults of one environment. Variables are named without prefix.
type checker struct {
	faults Faults
	failed map[string]bool // already at fault: further checks would only confuse
}

func (c *checker) fault(variable, value, problem, remedy string) {
	name := ""
	if variable != "" {
		name = Prefix + "_" + variable
	}
	if c.failed[name] {
		return
	}
	c.failed[name] = name != ""
	c.faults = append(c.faults, Fault{Variable: name, Value: shownValue(value), Problem: problem, Remedy: remedy})
}

// reject records a value that could not be parsed.
func (c *checker) reject(f field, value string, err error) {
	if f.secret() {
		value = hidden
	}
	problem, remedy := err.Error(), "see hotpair help env"
	switch f.value.Interface().(type) {
	case time.Duration:
		problem, remedy = "is not a duration", "write a number with its unit, for example 250ms, 2s or 24h"
	case int:
		problem, remedy = "is not a whole number", "write digits only"
	case bool:
		problem, remedy = "is neither true nor false", "write true or false"
	case Bytes:
		remedy = "write a whole number, optionally with KiB, MiB or GiB"
	case LogFormat:
		remedy = "write text or json"
	case Terminals:
		remedy = "write id=nats://host:port, separated by commas"
	case Keep:
		remedy = "write for example last=24,daily=7,weekly=5"
	case Services:
		remedy = "write names of built-in services (" + strings.Join(builtIn, ", ") + ") or name=/path/to/program, separated by commas"
	default:
		if f.name == Prefix+"_LOG_LEVEL" {
			problem, remedy = "is not a log level", "write debug, info, warn or error"
		}
	}
	c.fault(strings.TrimPrefix(f.name, Prefix+"_"), value, problem, remedy)
}

// needed finds required variables that are not set.
func (c *checker) needed(spec any) {
	for _, f := range fields(spec) {
		if f.needed() && f.value.IsZero() {
			c.fault(strings.TrimPrefix(f.name, Prefix+"_"), "", "is not set", "set it to a "+f.tags.Get("form")+"; see hotpair help env")
		}
	}
}

// listen and dial check addresses that are set.
func (c *checker) listen(variable, address string) {
	if problem := listenProblem(address); problem != "" && address != "" {
		c.fault(variable, address, problem, "write the address to listen on, for example :7702 or 192.0.2.1:7702")
	}
}

// loopback is listen for addresses that only this machine may reach.
func (c *checker) loopback(variable, address string) {
	c.listen(variable, address)
	if _, _, err := net.SplitHostPort(address); err == nil && !Loopback(address) {
		c.fault(variable, address, "can be reached from other machines", "write a loopback address, for example 127.0.0.1:4222")
	}
}

// Loopback reports whether a host:port is certainly a loopback address.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (c *checker) dial(variable, address string) {
	if problem := dialProblem(address); problem != "" && address != "" {
		c.fault(variable, address, problem, "write the address to connect to, for example 192.0.2.2:7702")
	}
}

func (c *checker) duration(variable string, value, least, most time.Duration) {
	switch {
	case value < least:
		c.fault(variable, value.String(), "is too short", "set it to "+least.String()+" or more")
	case value > most:
		c.fault(variable, value.String(), "is too long", "set it to "+most.String()+" or less")
	}
}

func (c *checker) amount(variable string, value, least Bytes) {
	if value < least {
		c.fault(variable, value.String(), "is too small", "set it to "+least.String()+" or more")
	}
}

func (n *Name) check(c *checker) {
	if n.Host != "" && !isName(n.Host) {
		c.fault("HOST", n.Host, "is not a name", "use 1 to 32 lower-case letters, digits and hyphens")
	}
}

// check fills PairSecret from the file if one is set.
func (k *PairKey) check(c *checker) {
	if k.PairSecret == "" && k.PairSecretFile == "" {
		c.fault("PAIR_SECRET", "", "is not set", "set it, or HOTPAIR_PAIR_SECRET_FILE, to the secret of the pair, the same on both hosts and the witness (to make one: openssl rand -hex 32)")
		return
	}
	c.given("PAIR_SECRET", "secret", &k.PairSecret, k.PairSecretFile, c.secret)
}

// Whether the files are usable shows when they are read, with a better reason.
func (t *TLS) check(c *checker) {
	files := []struct{ variable, path string }{{"TLS_CERT", t.TLSCert}, {"TLS_KEY", t.TLSKey}, {"TLS_CA", t.TLSCa}}
	for _, missing := range files {
		for _, given := range files {
			if missing.path == "" && given.path != "" {
				c.fault(missing.variable, "", "is not set, but HOTPAIR_"+given.variable+" is", "set all of HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY and HOTPAIR_TLS_CA, or none")
			}
		}
	}
	if t.TLSOptional && !t.Sealed() {
		c.fault("TLS_OPTIONAL", "true", "is set, but there is no certificate", "set HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY and HOTPAIR_TLS_CA too, or unset it: without a certificate everything is plain text")
	}
}

// wire is an address that other machines reach.
type wire struct{ variable, address string }

// sealed refuses plain text between machines unless allowed. It reports one address only: the remedy is the same.
func (t *TLS) sealed(c *checker, wires ...wire) {
	if t.Sealed() {
		if t.Insecure {
			c.fault("INSECURE", "true", "allows plain text, but there is a certificate (HOTPAIR_TLS_CERT)", "unset one of the two: with a certificate, connections use TLS")
		}
		return
	}
	if t.Insecure {
		return
	}
	for _, w := range wires {
		if _, _, err := net.SplitHostPort(w.address); err == nil && !Loopback(w.address) {
			c.fault(w.variable, w.address, "is reachable from other machines, and without a certificate anyone who reaches it can read everything and act as a host",
				"set HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY and HOTPAIR_TLS_CA; on a single machine use 127.0.0.1; to run without certificates on purpose, set HOTPAIR_INSECURE=true on the whole pair")
			return
		}
	}
}

// The files are checked when they are read: a host keeps serving without them.
func (a *Authority) check(c *checker, t TLS, data string) {
	files := []struct{ variable, path, other string }{
		{"AUTHORITY_KEY", a.AuthorityKey, "AUTHORITY_SEAL"}, {"AUTHORITY_SEAL", a.AuthoritySeal, "AUTHORITY_KEY"},
	}
	for i, f := range files {
		switch {
		case f.path == "" && files[1-i].path != "":
			c.fault(f.variable, "", "is not set, but HOTPAIR_"+f.other+" is", "set both or none: one is useless without the other")
		case f.path != "" && !t.Sealed():
			c.fault(f.variable, f.path, "is set, but HOTPAIR_TLS_CERT is not", "give the host a certificate too: hotpair authority init makes both")
		}
	}
	if a.AuthoritySeal != "" && data != "" && within(data, a.AuthoritySeal) {
		c.fault("AUTHORITY_SEAL", a.AuthoritySeal, "is inside HOTPAIR_DATA", "put it elsewhere, for example /etc/hotpair/seal.key: a copy of the data must not contain it")
	}
}

// within reports whether a path is inside a directory, by their names.
func within(dir, file string) bool {
	a, err1 := filepath.Abs(dir)
	b, err2 := filepath.Abs(file)
	relative, err3 := filepath.Rel(a, b)
	return errors.Join(err1, err2, err3) == nil && filepath.IsLocal(relative)
}

// A lease under 100 ms would need heartbeats every few milliseconds, which a loaded machine can't keep up.
func (p *Pace) check(c *checker) { c.duration("LEASE", p.Lease, minLease, maxLease) }

func (p *Patience) check(c *checker) {
	c.duration("STANDBY_PATIENCE", p.StandbyPatience, 100*time.Millisecond, maxDeadlines)
}

// The journal must hold some frames of the largest size (4 MiB) while the database catches up.
func (b *Bounds) check(c *checker) {
	if b.HistoryMaxUpdates < minUpdates {
		c.fault("HISTORY_MAX_UPDATES", strconv.Itoa(b.HistoryMaxUpdates), "is too small", fmt.Sprintf("set it to %d or more", minUpdates))
	}
	c.duration("HISTORY_MAX_AGE", b.HistoryMaxAge, time.Second, 100*365*24*time.Hour)
	c.amount("HISTORY_MAX_BYTES", b.HistoryMaxBytes, minHistory)
	c.duration("RETENTION", b.Retention, time.Second, 365*24*time.Hour)
	c.amount("JOURNAL_MAX_BYTES", b.JournalMaxBytes, minJournal)
	if b.EventsMax < minEvents || b.EventsMax > maxEvents {
		c.fault("EVENTS_MAX", strconv.Itoa(b.EventsMax), "is too small or too large", fmt.Sprintf("set it to a number from %d to %d", minEvents, maxEvents))
	}
}

// More than a thousand tries would take days before the alarm.
func (d *Deferral) check(c *checker) {
	if d.TimerTries < 1 || d.TimerTries > maxTries {
		c.fault("TIMER_TRIES", strconv.Itoa(d.TimerTries), "is too small or too large", fmt.Sprintf("set it to a number from 1 to %d", maxTries))
	}
}

// Whether it is writable shows later: a host works the same without it.
func (t *Tracing) check(c *checker) {
	if t.TraceDir != "" && !filepath.IsAbs(t.TraceDir) {
		c.fault("TRACE_DIR", t.TraceDir, "is not an absolute path", "write the absolute path of a directory, for example /var/tmp/hotpair-traces")
	}
}

// Values of HOTPAIR_REASONS.
const (
	ReasonsOptional = "optional"
	ReasonsRequired = "required"
)

// check fills HTTPToken from the file if one is set.
func (s *Console) check(c *checker) {
	c.listen("HTTP", s.HTTP)
	for _, name := range s.HTTPHosts {
		if strings.ContainsAny(name, ":/*@ ") {
			c.fault("HTTP_HOSTS", s.HTTPHosts.String(), "has "+name+", which is not a host name", "write names of this host without port or scheme, for example b.example.com")
		}
	}
	c.given("HTTP_TOKEN", "token", &s.HTTPToken, s.HTTPTokenFile, c.token)
	if (s.HTTPTlsCert == "") != (s.HTTPTlsKey == "") {
		c.fault("HTTP_TLS_CERT", s.HTTPTlsCert, "and HOTPAIR_HTTP_TLS_KEY are not both set", "set both, or none")
	}
	if s.HTTPSocket != "" && !filepath.IsAbs(s.HTTPSocket) {
		c.fault("HTTP_SOCKET", s.HTTPSocket, "is not an absolute path", "write the absolute path of the socket, for example /run/hotpair/operator.sock, in a directory that only the host's user can write")
	}
	if s.Reasons != ReasonsOptional && s.Reasons != ReasonsRequired {
		c.fault("REASONS", s.Reasons, "is neither "+ReasonsOptional+" nor "+ReasonsRequired, "write one of them")
	}
}
