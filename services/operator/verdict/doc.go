// Package verdict turns the facts about a pair into sentences: how well the pair is ([Whole], carried by every status),
// what the next loss would cause ([Foresee]), and whether a takeover could succeed ([Diagnose]).
//
// It is a package of its own so that command line, console, health checks and explanations never contradict each other:
// the verdict is computed here only, and they all show the one that the status carries.
package verdict
