package enrolment

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/identity"
)

// Protocol is the protocol of enrolment, as ALPN names it.
const Protocol door.Protocol = "hotpair-enrolment"

const (
	// form is the version of the messages, which both sides must know.
	form = 1
	// maxMessage bounds a message, in bytes, and maxText a text for people.
	maxMessage = 64 << 10
	maxText    = 400
	// exchangeWithin bounds a whole exchange: it includes an update of the pair, which may wait for the other host's
	// patience.
	exchangeWithin = 20 * time.Second
	label          = "EXPORTER-hotpair-enrolment"
)

// errExchange says that the other side violates the protocol.
var errExchange = errors.New("the other side violates the enrolment protocol")

// side says which side proves a token: so that neither can send back the proof it received.
type side string

const (
	hostProof  side = "host"
	agentProof side = "terminal"
)

// prove makes the proof of a token over a connection.
func prove(key TokenKey, by side, exported []byte) []byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(by))
	mac.Write([]byte{0})
	mac.Write(exported)
	return mac.Sum(nil)
}

// offer is the host's first message.
type offer struct {
	Form     int       `json:"form"`
	Pair     string    `json:"pair"`
	Host     string    `json:"host"`
	Terminal string    `json:"terminal"`
	Proof    []byte    `json:"proof"`
	Now      time.Time `json:"now"` // by the host's clock
}

// request is the agent's answer, with a problem or with its request (PKCS #10).
type request struct {
	Terminal string   `json:"terminal,omitempty"`
	Proof    []byte   `json:"proof,omitempty"`
	Request  []byte   `json:"request,omitempty"`
	Problem  *problem `json:"problem,omitempty"`
}

// grant is the host's answer.
type grant struct {
	Chain   [][]byte `json:"chain,omitempty"` // its certificate, in DER, its own first
	Roots   [][]byte `json:"roots,omitempty"`
	Login   string   `json:"login,omitempty"` // HOTPAIR_TERMINAL_KEY
	Problem *problem `json:"problem,omitempty"`
}

// taken is the agent's last message: the certificate is on its disk.
type taken struct {
	Problem *problem `json:"problem,omitempty"`
}

// problem is an error for the other side.
type problem struct {
	Codes []string `json:"codes,omitempty"`
	Text  string   `json:"text"`
}

func problemOf(err error) *problem { return &problem{fault.Codes(err), fault.Text(err)} }

// err returns the problem as an error; the other side's text is shortened, and made safe for a screen.
func (p *problem) err() error {
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, p.Text[:min(len(p.Text), maxText)])
	return fault.From(p.Codes[:min(len(p.Codes), 8)], text)
}

// line is a connection whose ends can derive a shared secret value. *door.Conn is one.
type line interface {
	io.ReadWriter
	Export(label string, context []byte, length int) ([]byte, error)
}

func exportOf(c line) ([]byte, error) { return c.Export(label, nil, sha256.Size) }

// say writes a message with its length.
func say(c io.Writer, message any) error {
	raw, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...))
	return err
}

// hear reads a message. Unknown fields are ignored.
func hear(c io.Reader, into any) error {
	var length [4]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxMessage {
		return fmt.Errorf("%w: a message of %d bytes", errExchange, n)
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(c, raw); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%w: unreadable message", errExchange)
	}
	return nil
}

// hostSide is the host's input to an exchange.
type hostSide struct {
	pair, host, terminal string
	key                  TokenKey
	now                  time.Time
	login                string
	// issue returns the certificate for an authenticated request, and its roots.
	issue func(request []byte) (chain, roots [][]byte, err error)
}

// errUnproved says that the agent does not know the token.
var errUnproved = fault.New("enrolment-unproved", "the other side does not know the token")

// enrol performs the host's part. It returns nil when the agent has its certificate on disk.
func (h hostSide) enrol(c line) error {
	exported, err := exportOf(c)
	if err != nil {
		return err
	}
	if err := say(c, offer{form, h.pair, h.host, h.terminal, prove(h.key, hostProof, exported), h.now.UTC()}); err != nil {
		return err
	}
	var asked request
	if err := hear(c, &asked); err != nil {
		return err
	}
	if asked.Problem != nil {
		return fmt.Errorf("the agent reports: %w", asked.Problem.err())
	}
	if asked.Terminal != h.terminal || !hmac.Equal(asked.Proof, prove(h.key, agentProof, exported)) {
		err := fmt.Errorf("%w: the agent at the address of terminal %s has another token, or none", errUnproved, h.terminal)
		_ = say(c, grant{Problem: problemOf(err)})
		return err
	}
	chain, roots, err := h.issue(asked.Request)
	if err != nil {
		_ = say(c, grant{Problem: problemOf(err)})
		return err
	}
	if err := say(c, grant{Chain: chain, Roots: roots, Login: h.login}); err != nil {
		return err
	}
	var last taken
	if err := hear(c, &last); err != nil {
		return fmt.Errorf("the agent does not confirm that it has its certificate: %w", err)
	}
	if last.Problem != nil {
		return fmt.Errorf("the agent can't store its certificate: %w", last.Problem.err())
	}
	return nil
}

// agentPart is the agent's input to an exchange.
type agentPart struct {
	token   Token
	request []byte
	// take stores the grant durably.
	take func(grant) error
	// heard is called with the offer, before anything is authenticated.
	heard func(offer)
}

// Granted describes the grant for people.
type Granted struct {
	Host string
	// Ahead is how far the host's clock is ahead of this one.
	Ahead time.Duration
}

// ErrStranger says that the connected host is not of the token's pair.
var ErrStranger = fault.New("enrolment-stranger", "not the pair of this token")

// enrol performs the agent's part. final: a retry is useless.
func (a agentPart) enrol(c line, now func() time.Time) (got Granted, final bool, err error) {
	exported, err := exportOf(c)
	if err != nil {
		return got, false, err
	}
	var o offer
	if err := hear(c, &o); err != nil {
		return got, false, err
	}
	a.heard(o)
	if err := a.judge(o, exported); err != nil {
		_ = say(c, request{Problem: problemOf(err)})
		return got, false, err
	}
	got = Granted{Host: o.Host, Ahead: o.Now.Sub(now()).Round(time.Second)}
	if err := say(c, request{Terminal: a.token.Terminal, Proof: prove(a.token.Key(), agentProof, exported), Request: a.request}); err != nil {
		return got, false, err
	}
	var g grant
	if err := hear(c, &g); err != nil {
		return got, false, err
	}
	if g.Problem != nil {
		err := g.Problem.err()
		final := errors.Is(err, ErrExpired) || errors.Is(err, ErrUsed) || errors.Is(err, ErrVoid)
		return got, final, fmt.Errorf("host %s refused: %w", o.Host, err)
	}
	if err := a.take(g); err != nil {
		_ = say(c, taken{Problem: problemOf(err)})
		return got, false, err
	}
	// The agent has the certificate, even if the host does not receive this: the host then asks again, and finds the
	// agent in service.
	_ = say(c, taken{})
	return got, true, nil
}

// judge checks that the connected host belongs to the token's pair.
func (a agentPart) judge(o offer, exported []byte) error {
	name := identity.Host(o.Pair, o.Host)
	switch {
	case o.Form != form:
		return fmt.Errorf("%w: it uses version %d of the enrolment protocol, this agent version %d: upgrade the older one", ErrStranger, o.Form, form)
	case name.Check() != nil:
		return fmt.Errorf("%w: it sent no valid name", ErrStranger)
	case o.Pair != a.token.Pair:
		return fmt.Errorf("%w: host %s of pair %s connected, but the token is from pair %s", ErrStranger, o.Host, o.Pair, a.token.Pair)
	case o.Terminal != a.token.Terminal:
		return fmt.Errorf("%w: host %s connected for terminal %.64q, but the token is for %s: is the address in hotpair terminals list right?", ErrStranger, o.Host, o.Terminal, a.token.Terminal)
	case !hmac.Equal(o.Proof, prove(a.token.Key(), hostProof, exported)):
		return fmt.Errorf("%w: host %s of pair %s does not know this token: was another one made since (hotpair terminals token %s), or does something intercept the connection?",
			ErrStranger, o.Host, o.Pair, a.token.Terminal)
	}
	return nil
}
