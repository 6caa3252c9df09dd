// Package format is how everything in a data directory is encoded, in every file: deterministic CBOR
// after a version byte, values with a checksum that covers their key, files and names that are durable before anything
// relies on them, and the errors for what can't be read back.
//
// It knows nothing of the values. Equal values have equal bytes, which the digests rely on; no decoder
// panics, whatever the bytes.
package format
