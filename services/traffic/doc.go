// Package traffic carries requests between the processes of a host without passing through main, over two servers. One
// is in terminal-if: it sends requests to business processes, and receives their answers. One is in the updater:
// business processes read and commit there. Each of these two talks to its own server without a socket, so a request is
// handed from process to process four times:
//
//	terminal-if ── request ─▶ business ── commit ─▶ updater
//	     ▲────────  answer  ────┘  ▲────── reply ──────┘
//
// Main's bus carries decisions (heartbeats, orders, rights), and is not on the path of a request. So the end of main
// does not stop the evaluation of requests; the end of the updater does. Therefore a host takes over without a lease
// only when the ports of main and updater both refuse: all answers sent later had been evaluated before. All these
// processes end with main's bus, and answers leave only while main's right holds.
//
// Main reserves both ports for its lifetime, so that clients find a restarted server, and makes the key from which the
// password of each process is derived.
package traffic
