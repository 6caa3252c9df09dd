// Package courier is the process that sends emissions to targets outside the pair, by HTTP POST, on the active host.
//
// It asks the updater of its host which lanes of which targets have something to send, sends the head of each, and has
// the outcome recorded. Package emissions decides what to send and what an answer means. All state of the courier may
// be lost: posts in flight, the pauses of lanes after failures, the settings of targets. One courier runs on each host.
// It works only in the terms of its host, and sends only under the right to answer: a post in flight when the right
// ends is aborted.
//
// Bounded are: posts in flight, for each target and in total; the memory of failed lanes; the bytes read of an answer.
// So a target that hangs, floods or fails affects only its own emissions, and memory of a fixed size.
package courier
