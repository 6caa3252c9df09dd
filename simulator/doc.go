// Package simulator lets many terminals work and checks what they were told.
//
// Its clients are plain NATS clients of the agents, as any application is; nothing of hotpair's inside is used, so what
// is measured and judged is what an application gets. Each client is the only writer of its keys and accounts, so that
// after every acknowledgement it knows exactly what must be there: a lost update, one that was executed twice, and a
// stale answer all show as a difference. An outcome that stays unknown is settled by repeating the request with the
// same id. At the end everything that was acknowledged, keys, balances and request ids, is read back through the
// terminals.
//
// The parts: a [Options] says what to run; scripts (kv, ledger) decide what a client does next and judge the answers,
// purely; a client sends and repeats; the recorder gathers latencies and gaps; the [Verdict] has what was found wrong.
//
//	report, err := simulator.Run(ctx, simulator.Options{Terminals: addresses, Clients: 8, Duration: 30 * time.Second})
//	if err == nil && !report.Verdict.OK {
//		err = simulator.ErrVerdict
//	}
package simulator
