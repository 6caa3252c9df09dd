package format

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
)

// Sum is the checksum of values in bolt, which itself has checksums of its heads only.
func Sum(parts ...[]byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, table, p)
	}
	return sum
}

// Seal returns the CBOR of v with a checksum that covers its key too, so that a value under a wrong key is detected.
func Seal(version byte, key []byte, v any) ([]byte, error) {
	raw, err := Encode(version, v)
	if err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint32(raw, Sum(key, raw)), nil
}

// Unseal decodes the output of Seal. The error is ErrDamaged or ErrVersion.
func Unseal(version byte, key, value []byte, v any) error {
	if len(value) < 5 {
		return fmt.Errorf("%w: value of %d bytes", ErrDamaged, len(value))
	}
	raw, sum := value[:len(value)-4], binary.BigEndian.Uint32(value[len(value)-4:])
	if Sum(key, raw) != sum {
		return fmt.Errorf("%w: checksum of a value", ErrDamaged)
	}
	return Decode(version, raw, v)
}

// WritePart adds bytes to a digest with their length, so that no two sequences of parts look the same.
func WritePart(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:])
	h.Write(part)
}
