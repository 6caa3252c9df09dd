package ticket

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/storage/position"
)

var (
	// ErrTicket says that terminal-if did not issue a ticket to this service in this run of main.
	ErrTicket = fault.New("ticket", "not a ticket of this service")
	// ErrProof says that the updater did not give a position for this request in this term.
	ErrProof = fault.New("proof", "not a proof of this request")
)

const (
	// keySize of a Key, in bytes.
	keySize = 32
	// codeSize of what authenticates, in bytes: who guesses has one guess for each message on a loopback bus.
	codeSize = 16
	// digestSize of a request, in bytes.
	digestSize = 16
	// maxText bounds a ticket before it is decoded, in bytes: the names and the id in it are bounded, and this is more.
	maxText = 1024
	// version leads the content of a ticket.
	version = 1
)

// What a code is made for comes first in what it is made of, so that a ticket is no proof.
const (
	forTicket = 't'
	forProof  = 'p'
)

// NewKey makes a key at random.
func NewKey() bus.TicketKey {
	key := make(bus.TicketKey, keySize)
	rand.Read(key) // never fails
	return key
}

// Digest names what a request asks for: service, operation and the very bytes of its body.
type Digest [digestSize]byte

// DigestOf gives the digest of a request.
func DigestOf(service, operation string, body []byte) (d Digest) {
	h := sha256.New()
	var head [192]byte
	text := appendText(appendText(head[:0], service), operation)
	h.Write(text) // never fails
	h.Write(body)
	var sum [sha256.Size]byte
	copy(d[:], h.Sum(sum[:0]))
	return d
}

// Ticket is what terminal-if says of a request.
type Ticket struct {
	Epoch   uint64 // of the term that relays it
	Service string
	ID      bus.RequestID
	Floor   uint64 // the terminal asks for no counter below it any more; 0 says nothing
	Digest  Digest
}

// Desk makes and checks tickets and proofs under one key. It may be used by any number of goroutines.
type Desk struct{ codes sync.Pool }

// code is one hash at work, with room for what comes out, so that making a code takes no memory.
type code struct {
	mac hash.Hash
	buf [1 + sha256.Size]byte
}

// NewDesk gives a desk. A nil desk, like one without a key, takes nothing for genuine.
func NewDesk(key bus.TicketKey) *Desk {
	if len(key) == 0 {
		return nil
	}
	return &Desk{codes: sync.Pool{New: func() any { return &code{mac: hmac.New(sha256.New, key)} }}}
}

// Issue gives the text of a ticket, "" without a desk.
func (d *Desk) Issue(t Ticket) string {
	if d == nil {
		return ""
	}
	var space [256]byte
	content := append(space[:0], version)
	content = binary.AppendUvarint(content, t.Epoch)
	content = binary.AppendUvarint(content, t.Floor)
	content = binary.AppendUvarint(content, t.ID.Counter)
	for _, part := range []string{t.Service, t.ID.Terminal, t.ID.App} {
		content = appendText(content, part)
	}
	content = append(content, t.Digest[:]...)
	content = d.seal(content, forTicket, content)
	return base64.RawURLEncoding.EncodeToString(content)
}

// Read gives what a ticket says that was made for a service. The error is ErrTicket.
func (d *Desk) Read(service, text string) (t Ticket, err error) {
	if d == nil {
		return t, fmt.Errorf("%w: nobody has given any", ErrTicket)
	}
	if len(text) > maxText {
		return t, fmt.Errorf("%w: it has %d bytes, at most %d", ErrTicket, len(text), maxText)
	}
	var space [maxText]byte
	content, err := base64.RawURLEncoding.AppendDecode(space[:0], []byte(text))
	if err != nil || len(content) < codeSize {
		return t, fmt.Errorf("%w: it is not one of terminal-if's; pass the header %s on unchanged", ErrTicket, bus.HeaderTicket)
	}
	content, code := content[:len(content)-codeSize], content[len(content)-codeSize:]
	if !d.genuine(forTicket, content, code) {
		return t, fmt.Errorf("%w: terminal-if did not issue it in this run of main; pass the header %s on unchanged", ErrTicket, bus.HeaderTicket)
	}
	r := reader{rest: content}
	if r.byte() != version {
		return t, fmt.Errorf("%w: another version", ErrTicket)
	}
	t.Epoch, t.Floor, t.ID.Counter = r.number(), r.number(), r.number()
	t.Service, t.ID.Terminal, t.ID.App = r.text(), r.text(), r.text()
	copy(t.Digest[:], r.take(digestSize))
	switch {
	case r.short || len(r.rest) > 0:
		return Ticket{}, fmt.Errorf("%w: it is truncated", ErrTicket)
	case t.Service != service:
		return Ticket{}, fmt.Errorf("%w: it was issued to service %q but came from %q", ErrTicket, t.Service, service)
	}
	return t, nil
}

// Prove returns the proof of the position of a request's update, "" without a desk.
func (d *Desk) Prove(t Ticket, at position.Position) string {
	if d == nil {
		return ""
	}
	var space [256]byte
	code := d.seal(nil, forProof, proven(space[:0], t, at))
	return at.String() + "." + base64.RawURLEncoding.EncodeToString(code)
}

// Position gives what a proof says of a request. The error is ErrProof.
func (d *Desk) Position(t Ticket, proof string) (position.Position, error) {
	where, text, found := strings.Cut(proof, ".")
	if !found || len(proof) > maxText {
		return position.Position{}, fmt.Errorf("%w: the updater did not issue %.40q; pass the proof on unchanged", ErrProof, proof)
	}
	at, err := position.Parse(where)
	if err != nil {
		return position.Position{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	code, err := base64.RawURLEncoding.DecodeString(text)
	var space [256]byte
	if err != nil || d == nil || len(code) != codeSize || !d.genuine(forProof, proven(space[:0], t, at), code) {
		return position.Position{}, fmt.Errorf("%w: the updater did not issue it for position %v in this term", ErrProof, at)
	}
	return at, nil
}

// proven appends what a proof is made of: the request, the term in which the updater said it, and the position.
func proven(b []byte, t Ticket, at position.Position) []byte {
	b = binary.AppendUvarint(b, t.Epoch)
	b = binary.AppendUvarint(b, t.ID.Counter)
	for _, part := range []string{t.Service, t.ID.Terminal, t.ID.App} {
		b = appendText(b, part)
	}
	b = binary.AppendUvarint(b, at.Epoch)
	return binary.AppendUvarint(b, at.Sequence)
}

// seal appends the code of some content.
func (d *Desk) seal(to []byte, purpose byte, content []byte) []byte {
	c := d.codes.Get().(*code)
	defer d.codes.Put(c)
	c.mac.Reset()
	c.buf[0] = purpose
	c.mac.Write(c.buf[:1]) // neither ever fails
	c.mac.Write(content)
	return append(to, c.mac.Sum(c.buf[1:1])[:codeSize]...)
}

func (d *Desk) genuine(purpose byte, content, code []byte) bool {
	var space [codeSize]byte
	return subtle.ConstantTimeCompare(d.seal(space[:0], purpose, content), code) == 1
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// reader takes content apart. Once it is short everything else is empty.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if r.short || n > len(r.rest) {
		r.short = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if r.short || size <= 0 {
		r.short = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.short = true
		return ""
	}
	return string(r.take(int(n)))
}
