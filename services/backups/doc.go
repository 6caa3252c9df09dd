// Package backups is what is known of the backups that a pair makes by itself: the words in which its processes speak of them, their
// names, and which of them are kept. DESIGN.md says who makes them, when and why.
//
//	name := backups.Name{Pair: pair, Made: now, Host: "b"}
//	remove := backups.Old(keep, there, name) // never name itself
package backups
