// Package founding makes a pair: its authority, its secret, and a bundle for each of its machines.
//
// A [Plan] lists the machines; [Plan.Found] generates all random parts, once. The result is one new directory, which
// is created completely or not at all. Only the user of hotpair init sees it, so it works offline, and on any
// machine.
//
// The settings of each machine follow from the plan alone ([Plan.Host], [Plan.WitnessSettings]). A local cluster,
// which has other ports at each start, uses the same.
package founding
