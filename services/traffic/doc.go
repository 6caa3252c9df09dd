// Package traffic carries requests between the processes of a host past main, over two servers. One is in terminal-if: there it
// sends requests to business processes, and takes their answers. One is in the updater: there business processes read and commit.
// Each of these two talks to its own server without a socket, so a request is handed from process to process four times:
//
//	terminal-if ── request ─▶ business ── commit ─▶ updater
//	     ▲────────  answer  ────┘  ▲────── reply ──────┘
//
// Main's bus carries what decides (heartbeats, orders, rights), and is no part of a request's way. That main is gone therefore
// stops nobody from evaluating a request; that the updater is gone does. So a host takes over without a lease only when the ports
// of main and updater both refuse: what was answered after that had been evaluated before. All these processes end with main's
// bus, and answers leave only while main's right holds, as ever.
//
// Main reserves both ports for as long as it lives, so that who was connected finds a server that was started again, and makes the
// key from which the password of each process is derived.
package traffic
