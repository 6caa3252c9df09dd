// Package terminal is the agent at a terminal: a NATS server that hosts dial, and that gives local applications plain
// request and reply with a pair of hosts behind it.
//
// An application sends a request to request.<service>.<operation> and gets one answer; it never learns that there are
// two hosts. The agent gives the request an id, keeps it until it is answered, sends it to the host that is attached,
// and sends it again, at once, to the host that attaches next. The id stays the same, so the request takes effect once
// (R7), and the application sees one slow request instead of an error.
//
// Why hosts dial and not the agent: a terminal then needs to know nothing of the pair but a key, and a takeover is one
// message on a connection that is already open.
//
// What it guarantees:
//   - Answers count only from the session that is attached now. The epoch of an attach is durable before the attach is
//     answered, and a lower one is refused for ever after (R5).
//   - A counter is never given to two requests, whenever the agent was killed.
//   - 503 is said only for a request that never reached a host, 504 for one that may have taken effect.
//   - The hosts and the applications live in two accounts of the server; nothing crosses but through the agent.
//
// Applications of one terminal are not protected from each other: they connect from loopback without credentials, so
// they are as far apart as users of one machine are.
package terminal
