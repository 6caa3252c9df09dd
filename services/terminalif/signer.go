package terminalif

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// codeLength of a receipt's code, in bytes: a terminal has one guess for each receipt that it shows.
const codeLength = 16

// receiptSigner makes the codes by which the pair knows its own receipts: a terminal that invents one, or moves one to
// another request, can't raise an alarm. It is for one goroutine at a time.
type receiptSigner struct{ mac hash.Hash }

// newReceiptSigner makes a signer; key is config.DeriveKey of the pair secret for config.PurposeReceipt.
func newReceiptSigner(key string) *receiptSigner {
	return &receiptSigner{mac: hmac.New(sha256.New, []byte(key))}
}

// code covers the pair too, so that receipts of an earlier pair with the same secret are not missed in this one.
func (s *receiptSigner) code(pair string, id bus.RequestID, at position.Position) []byte {
	s.mac.Reset()
	var b [128]byte
	text := b[:0]
	for _, part := range []string{pair, id.Terminal, id.App} {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	text = binary.BigEndian.AppendUint64(text, id.Counter)
	text = binary.BigEndian.AppendUint64(text, at.Epoch)
	text = binary.BigEndian.AppendUint64(text, at.Sequence)
	s.mac.Write(text) // never fails
	return s.mac.Sum(nil)[:codeLength]
}

// genuine reports whether a code is the one that code gives.
func (s *receiptSigner) genuine(pair string, id bus.RequestID, at position.Position, code []byte) bool {
	return hmac.Equal(s.code(pair, id, at), code)
}
