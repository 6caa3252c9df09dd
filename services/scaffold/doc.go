// Package scaffold creates the folder of a new service: hotpair service new.
//
// The folder builds and passes its own test. It needs nothing from other machines: a folder for Python has
// the runtime in it, one for Go names the source of hotpair that this program was built from.
package scaffold
