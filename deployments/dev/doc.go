// Package dev is hotpair dev: a pair on this machine that the service of a folder serves, for who writes that service.
//
// It builds what hotpair.json says, runs a cluster with it (package local), shows what the service logs, starts it again on both hosts
// when a file changes, and makes the requests that are typed. It takes no part in the pair: what it does a shell beside it could do.
package dev
