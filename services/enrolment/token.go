package enrolment

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/identity"
)

// DefaultLife and MostLife are the default and longest life of a token.
const (
	DefaultLife = 24 * time.Hour
	MostLife    = 30 * 24 * time.Hour
)

// Faults of a token.
var (
	// ErrToken: it is not a token, or was mistyped.
	ErrToken = fault.New("enrolment-token", "not a token of hotpair")
	// ErrExpired: it was not used in time.
	ErrExpired = fault.New("enrolment-expired", "the token has expired")
	// ErrUsed: another key was enrolled with it.
	ErrUsed = fault.New("enrolment-used", "the token was already used with another key")
	// ErrVoid: the pair has no such token: it was replaced or withdrawn, or the data were restored.
	ErrVoid = fault.New("enrolment-void", "the pair does not know this token")
)

const (
	// secretLength is that of rand.Text: more than 128 bits.
	secretLength = 26
	checkLength  = 4
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Token is a one-time secret by which a terminal joins a pair. Anyone who has its text can enrol as that terminal
// until it is used or expires.
type Token struct {
	Terminal, Pair string
	Until          time.Time // in whole seconds
	secret         string
}

// NewToken makes one.
func NewToken(pair, terminal string, until time.Time) Token {
	return Token{Terminal: terminal, Pair: pair, Until: until.Truncate(time.Second), secret: rand.Text()}
}

// body is the text without the part that detects typing errors.
func (t Token) body() string {
	return strings.Join([]string{t.Terminal, t.Pair, strconv.FormatInt(t.Until.Unix(), 36), t.secret}, ".")
}

func check(body string) string {
	sum := sha256.Sum256([]byte("hotpair token " + body))
	return encoding.EncodeToString(sum[:])[:checkLength]
}

// Text is the text for the agent.
func (t Token) Text() string { return t.body() + "." + check(t.body()) }

// String hides the secret, so that a Token may be logged.
func (t Token) String() string { return "token of " + t.Terminal }

// TokenKey is the key with which both sides prove a token. The pair stores it instead of the token.
type TokenKey [sha256.Size]byte

// Key returns the key of the token.
func (t Token) Key() TokenKey { return sha256.Sum256([]byte("hotpair enrolment " + t.body())) }

// ParseToken reads the result of Text. The error is ErrToken.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	parts := strings.Split(text, ".")
	if len(parts) != 5 || len(text) > 300 {
		return Token{}, fmt.Errorf("%w: it has the form TERMINAL.PAIR.TIME.SECRET.CHECK; copy the whole of it", ErrToken)
	}
	body, sum := strings.Join(parts[:4], "."), parts[4]
	if check(body) != sum || len(parts[3]) != secretLength {
		return Token{}, fmt.Errorf("%w: a letter of it is wrong or missing; copy the whole of it", ErrToken)
	}
	seconds, err := strconv.ParseInt(parts[2], 36, 64)
	if err := errors.Join(err, identity.Terminal(parts[1], parts[0]).Check()); err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return Token{Terminal: parts[0], Pair: parts[1], Until: time.Unix(seconds, 0).UTC(), secret: parts[3]}, nil
}
