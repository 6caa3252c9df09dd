// Package operator defines the interface of a host for people and their tools: one table of operations ([Operations])
// with their types. Package registry answers them, package web serves them over HTTP, [Client] calls them, and package
// command shows them.
//
// There is one API so that command line, console, load balancers and scripts never contradict each other: each is a
// view of the same Status, and its meaning in words is decided once, by package verdict.
//
// Guarantees:
//   - /active is 200 only while the host holds the right by which terminal-if sends answers (R6): a time that is compared
//     at each call, never a flag.
//   - A call is executed only for callers with the role that the table names. A call that changes something is never
//     accepted from a foreign web page, and never executed twice by a retry of this client.
//   - Status answers while any other process of the host is down. Errors say why, in the form of RFC 9457
//     (application/problem+json), and become the same sentinel at the caller.
//
// The interface is described by OpenAPI at /api/v1/openapi.json. A test generates the document from routes, types and
// their comments, and fails when it is out of date:
//
//	go test ./services/operator/web -run OpenAPI -rewrite
//
// Live state comes as server-sent events from /api/v1/stream. Each stream reads the status ten times a second, without
// asking another process: a status is cheap, and the state of what was sent stays within the stream.
//
// Example, a host's side:
//
//	registry.Answer(answers, operator.CallPause, func(ctx context.Context, caller operator.Caller, q operator.PauseRequest) (operator.PauseResult, error) { … })
//
// and the caller's side:
//
//	paused, err := operator.CallPause.Ask(ctx, operator.NewClient("http://127.0.0.1:7704"), operator.PauseRequest{For: "30m"})
//	if errors.Is(err, operator.ErrUnreachable) { … }
package operator
