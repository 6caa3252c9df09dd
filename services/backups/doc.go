// Package backups defines what is known of a pair's automatic backups: the messages of its processes, the names of
// backups, and which of them are kept. DESIGN.md says which process makes them, when and why.
//
//	name := backups.Name{Pair: pair, Made: now, Host: "b"}
//	remove := backups.Old(keep, there, name) // never name itself
package backups
