// Package install makes a machine a member of a pair, and removes it again: hotpair join, hotpair leave, hotpair run.
//
// The content of a bundle is written to three places that no distribution package owns, so that an upgrade leaves
// them alone: settings and secrets of the pair below /etc/hotpair/joined; certificate and keys in a separate
// directory, because the process itself replaces its certificate there; and the unit if no package installs one. The
// operator's file (/etc/hotpair/host.env) is read after the joined one and never written here: its settings take
// precedence.
//
// A join checks everything first and reports all problems. Then it records that it has begun, writes the files, each
// atomically, the settings last, and records that it is done. If it is interrupted, it is run again and completes the
// rest: every step may be repeated. A leave undoes the steps in reverse. File names come from here alone: neither a
// bundle nor the disk determines what is written or removed.
package install
