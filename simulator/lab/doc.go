// Package lab runs the whole pair as real processes on a network of its own and does to it what the world does: hosts,
// witness and terminals each in a network namespace, joined by wires that can be cut, one way or both; processes that
// are killed, frozen and started again; disks that fill. Applications at the terminals work all the while, and
// everything they saw is judged: kv histories by porcupine, every acknowledged update read back, the ledger's total and
// balances, and after healing both hosts' positions and digests.
//
//	l, err := lab.Start(ctx, lab.Options{Binary: hotpair, Dir: dir, Log: os.Stdout})
//	defer l.Close()
//	err = l.Heal(ctx)              // everything runs, all wires are whole, both hosts are in sync
//	l.Cut("a", "b", lab.OneDirection)    // frames from a to b are lost, those from b to a arrive
//	l.Freeze("a")
//
// [Chaos] draws mixtures of faults from a seed, in rounds: faults under load, healing, checks.
//
// Namespaces have no names: they end with this process, however it ends, and so do all processes in them. Root and
// iproute2 are needed; [Available] says what is missing.
package lab
