// Package access identifies the callers of a host over HTTP: a user of its machine by the kernel, an operator by a
// token, a user of the console by a session. What each may do is in the table of operations.
//
// Guarantees: a token is checked in memory, so no commit waits for it. While the list of operators may be out of date,
// because the updater is down, no token is accepted, and the unix socket still admits root. A refused login takes
// time, and is counted and reported. Sessions are few, short and end with their operator.
package access
