// Package scaffold makes the folder of a new service: hotpair service new.
//
// What it writes builds and passes its own test as it is. It needs nothing that is not on this machine: a folder for Python has
// the runtime in it, one for Go names the source of hotpair that this program was built from.
package scaffold
