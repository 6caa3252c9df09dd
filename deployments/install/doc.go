// Package install makes a machine a member of a pair, and takes it out again: hotpair join, hotpair leave, hotpair run.
//
// What a bundle holds is written to three places, none of which the package of a distribution owns, so that an upgrade leaves
// them alone: settings and secrets of the pair below /etc/hotpair/joined, certificate and keys in a directory of their own,
// because the process itself replaces its certificate there, and the unit where no package brings one. The file of an operator
// (/etc/hotpair/host.env) is read after the joined one, and never written here: whatever stands in it counts.
//
// A join checks everything first and says all that is wrong; then it writes down that it has begun, writes the files, each whole, the
// settings last, and writes down that it is done. Interrupted anywhere it is run again and does the rest: every step may be
// done twice. A leave takes the same way back. Names of files come from here alone: neither a bundle nor what is on the disk says
// what is written or removed.
package install
