package local

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/operator"
)

// pair is the last state of the two hosts: a value, so that changes are found by comparing two of them.
type pair struct {
	terminals int
	hosts     map[string]operator.Status // of those that answer
	last      operator.Status            // host that last served
	silent    int                        // answers since a host served
}

func newPair(terminals int) pair {
	return pair{terminals: terminals, hosts: map[string]operator.Status{}}
}

// with returns the pair after an answer, or a missing one, of a host.
func (p pair) with(n news) pair {
	next := pair{terminals: p.terminals, hosts: maps.Clone(p.hosts), last: p.last, silent: p.silent + 1}
	delete(next.hosts, n.host)
	if n.ok {
		next.hosts[n.host] = n.status
	}
	if s, ok := next.serving(); ok {
		next.last, next.silent = s, 0
	}
	return next
}

// serving returns the status of the host that serves. If two say so, as may be for a moment after a freeze, it is the
// one of the higher epoch.
func (p pair) serving() (operator.Status, bool) {
	var best operator.Status
	for _, s := range p.hosts {
		if s.Serves() && (best.Host == "" || s.Epoch > best.Epoch) {
			best = s
		}
	}
	return best, best.Host != ""
}

func (p pair) active() string {
	s, _ := p.serving()
	return s.Host
}

// ready: one host serves, both hold everything, both answer, and every terminal is attached.
func (p pair) ready() bool {
	s, ok := p.serving()
	return ok && paired(s) && len(p.hosts) == 2 && s.Terminals.Attached == p.terminals
}

func (p pair) readyLine(httpA, httpB, directory string, apps, web []string) string {
	s, _ := p.serving()
	console, host := httpA, HostA
	if s.Host == HostB {
		console, host = httpB, HostB
	}
	line := fmt.Sprintf("ready: %s terminals=%d/%d console=http://%s/", served(s), s.Terminals.Attached, p.terminals, console)
	line += span(" apps=nats://", apps) + span(" http=http://", web)
	return line + " directory=" + directory + " socket=" + operator.SocketIn(filepath.Join(directory, host), "")
}

// span describes a list of addresses, with a label before each.
func span(before string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	text := before + list[0]
	if last := len(list) - 1; last > 0 {
		_, scheme, _ := strings.Cut(before, "=")
		text += "…" + scheme + list[last]
	}
	return text
}

func served(s operator.Status) string {
	inSync := slices.Clone(s.InSync)
	slices.Sort(inSync)
	return fmt.Sprintf("active=%s epoch=%d in-sync=%s", s.Host, s.Epoch, strings.Join(inSync, ","))
}

// describe returns one sentence for a waiting user.
func (p pair) describe() string {
	var parts []string
	for _, name := range []string{HostA, HostB} {
		s, ok := p.hosts[name]
		switch {
		case !ok:
			parts = append(parts, title(name)+" does not answer")
		case s.Serves():
			parts = append(parts, fmt.Sprintf("%s serves (%s, %d of %d terminals)", title(name), s.Mode, s.Terminals.Attached, p.terminals))
		default:
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s is %s, %s %s", title(name), s.Role, s.Mode, s.WaitingFor)))
		}
	}
	return strings.Join(parts, "; ")
}

// nobodyServes is the number of answers without a serving host before that is reported: a takeover is over long
// before.
const nobodyServes = 20

// changes returns a line for each difference.
func changes(before, after pair) []string {
	var lines []string
	was := before.last
	is, serving := after.serving()
	switch {
	case serving && (was.Host != is.Host || was.Epoch != is.Epoch):
		lines = append(lines, fmt.Sprintf("takeover: %s terminals=%d/%d", served(is), is.Terminals.Attached, after.terminals))
	case serving && paired(was) && !paired(is):
		lines = append(lines, "solo: "+served(is))
	case serving && !paired(was) && paired(is):
		lines = append(lines, "in sync again: "+served(is))
	case serving && before.silent >= nobodyServes:
		lines = append(lines, "serving again: "+served(is))
	case after.silent == nobodyServes:
		lines = append(lines, "nobody serves: "+after.describe())
	}
	for _, name := range []string{HostA, HostB} {
		old, now := before.hosts[name], after.hosts[name]
		if now.Role == "standby" && (old.Mode != now.Mode || old.Role != now.Role) {
			line := fmt.Sprintf("%s is standby, %s", title(name), now.Mode)
			if now.WaitingFor != "" {
				line += ": " + now.WaitingFor
			}
			lines = append(lines, line)
		}
	}
	return lines
}
