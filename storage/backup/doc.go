// Package backup is the file that holds the whole database at one position of its history, and how one is made, read and
// restored.
//
// A backup is made as a copy for a returning host is: ranges of keys, each read in one short transaction wherever the
// database is at that moment, and then the entries of the history from where the first range was read to the end of the
// last one. Replayed over the ranges they give the database at exactly that end. So nothing is stopped, no long view is open,
// and the file is consistent all the same.
//
//	"hotpair backup\n"
//	'H' header  'R' range … 'F' entries … 'E' end      each: type, length (4 bytes), CBOR
//	SHA-256 of all of it    HMAC-SHA-256 of that, by a key of the pair
//
// Anybody can make a file with a good checksum. The last thing in it only the pair can make: it is what a reader asks for, unless it is told
// that nothing has to prove the file. The header names the key, so that a wrong one is told before all of the file is read.
//
// The checksum stands at the end: a file that was cut short has none. Ranges have checksums of their own, entries are chained
// by digest, so damage is named before anything is restored from it.
//
// A restored directory has a new identity and no membership. It holds the pair's data as of that position, and the pair record
// does not know it: it never takes over by itself, however old or young the backup is (V11). An operator admits it, or promotes
// it by force.
package backup
