// Package access says who asks a host over HTTP: a user of its machine by the kernel's word, an operator by a token, somebody at the
// console by a session. What each may do stands in the table of operations.
//
// What it guarantees: a token is looked up in memory, so nothing that commits waits for it; while the list of operators can't be
// trusted to be new, because the updater is down, nobody's token is taken, and the unix socket still lets root in; what proves nothing
// costs time, is counted and told; sessions are few, short and gone with their operator.
package access
