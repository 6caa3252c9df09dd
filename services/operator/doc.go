// Package operator is what people and their tools see of a host: one table of operations
// ([Operations]) with their types, answered by package registry, served over HTTP by package web, called by [Client], and
// shown by package command.
//
// Why one API: command line, console, load balancers and scripts must never tell different stories, so each of them is
// a view of the same Status, and what it means in words is decided once, by package verdict.
//
// What it guarantees:
//   - /active is 200 only while the host holds the very right by which terminal-if lets answers leave (R6): a time that
//     is compared at each call, never a flag.
//   - A call is done for who may have it done, by the role that the table names, and nobody else; one that changes something is
//     never taken from a web page of somebody else, and never executed twice by a retry of ours.
//   - Status answers while any other process of the host is down; what can't be had is an error that says why, in the
//     form of RFC 9457 (application/problem+json), and becomes the same sentinel at the caller.
//
// The interface is described by OpenAPI at /api/v1/openapi.json. The document is made of routes, types and their comments
// by a test that fails when it is not what they say:
//
//	go test ./services/operator/web -run OpenAPI -rewrite
//
// Live state is told as server-sent events at /api/v1/stream. Each reader looks for itself ten times a second, without
// asking any other process: a status is cheap, and who has been told what is then nobody's business but the reader's.
//
// Example, a host's side:
//
//	registry.Answer(answers, operator.CallPause, func(ctx context.Context, caller operator.Caller, q operator.PauseRequest) (operator.PauseResult, error) { … })
//
// and the other:
//
//	paused, err := operator.CallPause.Ask(ctx, operator.NewClient("http://127.0.0.1:7704"), operator.PauseRequest{For: "30m"})
//	if errors.Is(err, operator.ErrUnreachable) { … }
package operator
