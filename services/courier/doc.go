// Package courier is the process that sends emissions to the outside, by HTTP POST, from the host that serves.
//
// It asks the updater of its host which lanes of which targets have something to send, sends the head of each, and has recorded what came of
// it. What to send and what an answer means is decided in package emissions. It holds nothing that may not be lost: what is on its way, how
// long a lane rests after failures, how a target is. One process of it runs on each host; it works in the terms of its own alone, and sends
// under the right to answer only: a try that is on its way when the right ends is broken off.
//
// What is bounded: tries at one time, for each target and in all; what is remembered of lanes that failed; what is read of an answer.
// So a target that hangs, floods or fails costs itself, and memory of a fixed size.
package courier
