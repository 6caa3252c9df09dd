// Package format is how everything in a data directory is written down, whichever file it stands in: deterministic CBOR
// behind a version byte, values with a checksum that covers their key, files and names that are durable before anybody
// relies on them, and the errors that say what can't be read back.
//
// It knows none of the things that are written. Equal things have equal bytes, which the digests rely on; no decoder
// panics, whatever the bytes.
package format
