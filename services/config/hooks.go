package config

import (
	"net/url"
	"path/filepath"
	"strings"
)

// Whether the program exists shows when it is run: it may be on a disk that is mounted later.
func (k *Hooks) check(c *checker) {
	if k.AlarmCommand != "" && !filepath.IsAbs(k.AlarmCommand) {
		c.fault("ALARM_COMMAND", k.AlarmCommand, "is not an absolute path", "write the absolute path of a program, without arguments, for example /usr/local/bin/page-me")
	}
	// Under a second a loaded machine would kill commands that are about to end; alarms wait in order for the
	// previous one.
	c.duration("ALARM_TIMEOUT", k.AlarmTimeout, minHook, maxHook)
	if u, err := url.Parse(k.AlarmWebhook.Reveal()); k.AlarmWebhook != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		c.fault("ALARM_WEBHOOK", hidden, "is not an http or https URL", "write it like https://alarms.example.com/hotpair")
	}
	if problem := trailProblem(k.AuditTrail); problem != "" {
		c.fault("AUDIT_TRAIL", k.AuditTrail, problem, "write the absolute path of a file, for example /var/log/hotpair/audit.jsonl, or syslog")
	}
}

// Syslog is the value of HOTPAIR_AUDIT_TRAIL for the syslog of the machine; another socket than the usual one follows
// a colon.
const Syslog = "syslog"

// trailProblem says what is wrong with the form of a value of HOTPAIR_AUDIT_TRAIL; "" for nothing. The supervisor
// finds out whether it is writable: main must restart in any case.
func trailProblem(to string) string {
	path, socket := strings.CutPrefix(to, Syslog+":")
	switch {
	case to == "", to == Syslog, filepath.IsAbs(path) && filepath.Clean(path) == path:
		return ""
	case socket:
		return "needs the absolute path of a socket"
	}
	return "is neither the absolute path of a file nor syslog"
}
