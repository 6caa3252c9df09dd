// Package dev is hotpair dev: a pair on this machine that runs the service of a folder, for the developer of that
// service.
//
// It builds what hotpair.json says, runs a cluster with it (package local), shows the log of the service, restarts it
// on both hosts when a file changes, and makes the requests that are typed. It takes no part in the pair: a shell
// beside it could do the same.
package dev
