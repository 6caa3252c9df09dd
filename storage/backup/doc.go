// Package backup is the file that holds the whole database at one position of its history, and how one is made, read and
// restored.
//
// A backup is made like a snapshot for a returning host: ranges of keys, each read in one short transaction wherever
// the database is at that moment, and then the entries of the history from where the first range was read to the end of
// the last one. Replayed over the ranges they give the database at exactly that end. So nothing is stopped, no long
// view is open, and the file is consistent all the same.
//
//	"hotpair backup\n"
//	'H' header  'R' range … 'F' entries … 'E' end      each: type, length (4 bytes), CBOR
//	SHA-256 of all of it    HMAC-SHA-256 of that, by a key of the pair
//
// Anyone can make a file with a good checksum. Only the pair can make its last part, which a reader demands unless it
// is told to accept an unproved file. The header names the key, so that a wrong one is reported before all of the file
// is read.
//
// The checksum is at the end: a truncated file has none. Ranges have their own checksums, and entries are chained
// by digest, so damage is named before anything is restored from it.
//
// A restored directory has a new identity and no membership. It holds the pair's data as of that position, and the pair
// record does not know it: it never takes over automatically, however old the backup is (V11). An operator admits it,
// or promotes it by force.
package backup
