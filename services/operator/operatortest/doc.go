// Package operatortest has a host that says what a test puts into it, samples of what hosts say, and helpers for tests of
// the packages around operator.
package operatortest
