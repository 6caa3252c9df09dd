// Package operations answers the calls of operators in main: which host serves, which one should, why, and what
// happens next; the table of terminals; the comparison of both databases; backups. It gives inputs to the role machine
// and asks the host's processes. It keeps only state that operators need: a scheduled switchover, since when each
// condition holds, the table of terminals as last read.
//
// Each topic is a file: its answer… method, called by [New], registers its operations. Passing a call on to the active
// is left to the registry.
package operations
