// Package stand is a host on which a program of a service is tried: main's bus, terminal-if's server and an updater that is real, with
// its files in a directory of its own. Between the program and the updater stands a server whose owner sees each call, and may lose it or
// its answer, answer something else, or go away and come back. Requests are made as terminal-if makes them, so that a program can't tell
// the stand from a host.
package stand
