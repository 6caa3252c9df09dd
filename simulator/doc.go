// Package simulator runs a load at many terminals and checks every answer.
//
// Its clients are plain NATS clients of the agents, like any application; they use no internals of hotpair, so the
// results are what an application gets. Each client is the only writer of its keys and accounts, so after every
// acknowledgement it knows exactly what must be there: a lost update, a doubled one, and a stale answer all show as a
// difference. An unknown outcome is settled by repeating the request with the same id. At the end everything
// acknowledged, keys, balances and request ids, is read back through the terminals.
//
// The parts: [Options] configures a run; scripts (kv, ledger) decide what a client does next and judge the answers,
// purely; a client sends and repeats; the recorder collects latencies and gaps; the [Verdict] contains the errors
// found.
//
//	report, err := simulator.Run(ctx, simulator.Options{Terminals: addresses, Clients: 8, Duration: 30 * time.Second})
//	if err == nil && !report.Verdict.OK {
//		err = simulator.ErrVerdict
//	}
package simulator
