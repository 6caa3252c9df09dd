// Package trail writes the audit trail of a host as it happens: what operators wanted, what came of it, what the pair did by itself,
// and who was refused. Each entry is a line of JSON, in a file or to the syslog of the machine.
//
//	t := trail.New(trail.Config{To: "/var/log/hotpair/audit.jsonl", Host: "a", Log: log})
//	t.Start()
//	defer t.Close()
//	t.Write(event) // never waits
//
// The pair's event log is replicated, and bounded: this is for those who keep such things for years, elsewhere.
//
// What it guarantees: nobody waits for it. What can't be written waits in a bounded queue and is tried again each second; what finds
// no room there is lost, newest first, counted, and told of in the trail itself where it is missing. Who was refused is told in
// full a few times and then once for many, so that nobody fills a disk by it. A file that was renamed or removed, as logrotate does,
// is opened anew before the next entry. Nothing is fsynced: what a machine without power had not written yet is in the pair's log.
package trail
