// Package verdict says in words what the facts of a pair mean: how well it is ([Whole], which every status carries), what would
// come of a loss ([Foresee]), whether a takeover could succeed ([Diagnose]).
//
// Why a package: command line, console, health checks and explanations must never tell different stories. The verdict on the
// pair is computed here and nowhere else; everybody shows what a status carries.
package verdict
