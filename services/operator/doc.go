// Package operator is what people and their tools see of a host: one Go API ([Host], [Status]), served over HTTP by
// [Server], called by [Client], and shown by the commands status, history and switchover.
//
// Why one API: command line, console, load balancers and scripts must never tell different stories, so each of them is
// a view of the same Status, and what it means in words is decided once ([Status.Summary]).
//
// What it guarantees:
//   - /active is 200 only while the host holds the very right by which terminal-if lets answers leave (R6): a time that
//     is compared at each call, never a flag.
//   - A call that changes something is never taken from a web page of somebody else, and never executed twice by a
//     retry of ours.
//   - Status answers while any other process of the host is down; what can't be had is an error that says why, in the
//     form of RFC 9457 (application/problem+json), and becomes the same sentinel at the caller.
//
// Example, a host's side:
//
//	server := operator.NewServer(operator.ServerConfig{Listen: "127.0.0.1:7704", Host: main, Clock: lease.BootClock})
//	err := server.Run(ctx)
//
// and the other:
//
//	status, err := operator.NewClient("http://127.0.0.1:7704").Status(ctx)
//	if errors.Is(err, operator.ErrUnreachable) { … }
package operator
