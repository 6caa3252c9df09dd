package config

import (
	"net/url"
	"path/filepath"
	"strings"
)

// Whether the program is there shows when it is run: it may be on a disk that is mounted later.
func (k *Hooks) check(c *checker) {
	if k.AlarmCommand != "" && !filepath.IsAbs(k.AlarmCommand) {
		c.fault("ALARM_COMMAND", k.AlarmCommand, "is no absolute path", "write the path of a program, without arguments, for example /usr/local/bin/page-me")
	}
	// Under a second a loaded machine kills what would have ended; alarms wait in order for the one before.
	c.duration("ALARM_TIMEOUT", k.AlarmTimeout, minHook, maxHook)
	if u, err := url.Parse(k.AlarmWebhook.Reveal()); k.AlarmWebhook != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		c.fault("ALARM_WEBHOOK", hidden, "is no URL", "write it like https://alarms.example.com/hotpair")
	}
	if problem := trailProblem(k.AuditTrail); problem != "" {
		c.fault("AUDIT_TRAIL", k.AuditTrail, problem, "write the whole path of a file, for example /var/log/hotpair/audit.jsonl, or syslog")
	}
}

// Syslog is the value of HOTPAIR_AUDIT_TRAIL for the syslog of the machine; behind a colon stands another socket than the usual one.
const Syslog = "syslog"

// trailProblem says what is wrong with a value of HOTPAIR_AUDIT_TRAIL as it is written; "" is nothing. Whether it can be written the
// supervisor finds out: main must come back whatever has become of it.
func trailProblem(to string) string {
	path, socket := strings.CutPrefix(to, Syslog+":")
	switch {
	case to == "", to == Syslog, filepath.IsAbs(path) && filepath.Clean(path) == path:
		return ""
	case socket:
		return "names no socket by its whole path"
	}
	return "is neither the whole path of a file nor syslog"
}
