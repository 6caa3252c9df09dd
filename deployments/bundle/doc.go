// Package bundle is what one machine of a pair is given to become a member: who it is, where the others are, and its secrets.
//
// A bundle is one file. Its first line says for which machine it is, for whoever finds it; behind it stand the contents, in clear or
// sealed with a passphrase. A bundle is believed whole or not at all: [Decode] has looked at every part of it, and that the parts
// fit each other, before it returns one. It names no file of the machine: where things go is the machine's own affair (package install).
//
//	raw, err := b.Encode(words)
//	…
//	b, err = bundle.Decode(raw, words) // ErrDamaged, ErrPassphrase
package bundle
