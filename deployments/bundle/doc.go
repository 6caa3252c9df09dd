// Package bundle defines the file that makes a machine a member of a pair: its name, the addresses of the others, and
// its secrets.
//
// A bundle is one file. Its first line says which machine it is for; the contents follow, in plain text or sealed
// with a passphrase. A bundle is accepted completely or not at all: [Decode] checks every part of it, and that the
// parts fit together. It names no file of the machine: package install decides where things go.
//
//	raw, err := b.Encode(words)
//	…
//	b, err = bundle.Decode(raw, words) // ErrDamaged, ErrPassphrase
package bundle
