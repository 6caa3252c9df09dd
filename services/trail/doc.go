// Package trail writes the audit trail of a host: calls of operators and their outcomes, automatic actions of the
// pair, and refused callers. Each entry is a line of JSON, in a file or to the syslog of the machine.
//
//	t := trail.New(trail.Config{To: "/var/log/hotpair/audit.jsonl", Host: "a", Log: log})
//	t.Start()
//	defer t.Close()
//	t.Write(event) // never waits
//
// The pair's event log is replicated and bounded: the trail is for records that are kept for years, elsewhere.
//
// Guarantees: nothing waits for it. Entries that can't be written wait in a bounded queue and are retried each second.
// Entries without room there are lost, newest first, counted, and reported in the trail itself where they are missing.
// Refusals are written in full a few times and then one for many, so that nobody can fill a disk by them. A file that
// was renamed or removed, as by logrotate, is reopened before the next entry. Nothing is fsynced: entries lost in a
// power loss are in the pair's log.
package trail
