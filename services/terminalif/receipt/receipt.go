// Package receipt makes and recognises the codes by which a pair knows its own receipts.
package receipt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/requestid"
	"github.com/hotpair/hotpair/storage/position"
)

// CodeLength of a receipt's code, in bytes: a terminal has one guess for each receipt that it shows.
const CodeLength = 16

// Signer makes the codes by which the pair recognises its own receipts: a terminal that invents a receipt, or moves
// one to another request, can't raise an alarm. It is not safe for concurrent use.
type Signer struct{ macs []hash.Hash }

// New returns a signer that signs with the newest key and recognises the receipts of all. Without keys it signs and
// recognises nothing.
func New(k Keys) *Signer {
	s := &Signer{}
	for _, one := range k.Keys {
		s.macs = append(s.macs, hmac.New(sha256.New, one.Secret))
	}
	return s
}

// Code returns the code of a receipt. It covers the pair too, so that receipts of an earlier pair with the same keys
// are not missed in this one. It is nil while there is no key.
func (s *Signer) Code(pair string, id bus.RequestID, at position.Position) []byte {
	if len(s.macs) == 0 {
		return nil
	}
	return code(s.macs[0], pair, id, at)
}

func code(mac hash.Hash, pair string, id bus.RequestID, at position.Position) []byte {
	mac.Reset()
	var b [128]byte
	text := b[:0]
	for _, part := range []string{pair, id.Terminal, id.App} {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	text = binary.BigEndian.AppendUint64(text, id.Counter)
	text = binary.BigEndian.AppendUint64(text, at.Epoch)
	text = binary.BigEndian.AppendUint64(text, at.Sequence)
	mac.Write(text) // never fails
	return mac.Sum(nil)[:CodeLength]
}

// genuine reports whether a code is one that Code returns, or returned under the earlier key.
func (s *Signer) genuine(pair string, id bus.RequestID, at position.Position, shown []byte) bool {
	for _, mac := range s.macs {
		if hmac.Equal(code(mac, pair, id, at), shown) {
			return true
		}
	}
	return false
}

// Recognise separates the receipts that this pair issued to a terminal from others. Each counts once.
func (s *Signer) Recognise(pair, terminal string, shown []bus.Receipt) (own []bus.AuditReceipt, foreign int) {
	seen := map[bus.AuditReceipt]bool{}
	for _, r := range shown {
		id := bus.RequestID{Terminal: terminal, Counter: r.Counter, App: r.App}
		one := bus.AuditReceipt{Terminal: terminal, Counter: r.Counter, App: r.App, Position: r.Position}
		switch {
		case len(r.Code) != CodeLength, len(r.App) > requestid.Max, !s.genuine(pair, id, r.Position, r.Code):
			foreign++
		case !seen[one]:
			seen[one] = true
			own = append(own, one)
		}
	}
	return own, foreign
}
