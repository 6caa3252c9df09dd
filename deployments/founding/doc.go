// Package founding makes a pair: its authority, its secret, and a bundle for each of its machines.
//
// A [Plan] says which machines there are; all that is random is made by [Plan.Found], once. What is made lies in one new directory,
// which comes into being whole or not at all. Nobody but whoever runs hotpair init ever sees it, so it works offline, and on any
// machine.
//
// The settings of each machine follow from the plan alone ([Plan.Host], [Plan.WitnessSettings]). A local cluster, which has other ports at
// each start, uses the same.
package founding
