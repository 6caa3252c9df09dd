// Package stand is a host for testing the program of a service: main's bus, terminal-if's server and a real updater,
// with its files in a directory of its own. A server between the program and the updater shows each call to its owner,
// who may drop it or its answer, answer differently, or stop and restart the server. Requests have terminal-if's form,
// so that a program can't distinguish the stand from a host.
package stand
