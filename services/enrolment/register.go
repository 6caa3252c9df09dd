package enrolment

import (
	"context"
	"encoding/hex"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/identity"
)

// Key is the register's key in the pair's own key space: a head, and below it one key per terminal.
const Key = "members"

// Member is what the pair knows of a terminal's certificate. The register has no entry for a terminal that got its
// certificate as files.
type Member struct {
	ID string `json:"id"`
	// TokenKey verifies the open token; nil for none. Until is when it expires.
	TokenKey []byte    `json:"token_key,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	// UsedBy is the fingerprint of the key that used the token.
	UsedBy identity.Fingerprint `json:"used_by,omitzero"`
	// Key is the fingerprint of the enrolled key; NotAfter is when its certificate expires. Enrolled is when it was
	// enrolled.
	Key      identity.Fingerprint `json:"key,omitzero"`
	NotAfter time.Time            `json:"not_after,omitzero"`
	Enrolled time.Time            `json:"enrolled,omitzero"`
	// Pending: the certificate was issued, but the agent has not confirmed it yet.
	Pending bool `json:"pending,omitempty"`
	// Misused is when another key tried to use a used token.
	Misused time.Time `json:"misused,omitzero"`
	// Withdrawn is when the certificate was withdrawn, Reason why.
	Withdrawn time.Time `json:"withdrawn,omitzero"`
	Reason    string    `json:"reason,omitempty"`
}

// Waits reports whether the active host has to dial the terminal: its token is open, or its certificate is not
// confirmed.
func (m Member) Waits() bool { return len(m.TokenKey) > 0 && (m.UsedBy.IsZero() || m.Pending) }

// MembersQuestion asks for a page of the register after an id; a limit of 0 means the largest page.
type MembersQuestion struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// MembersPage is the answer. Revision is that of the register, Epoch the pair's: under another epoch the same entries
// may mean something else, and updates lost by a forced promotion may have had the same revision. Pages of different
// revisions may be combined: entries change one by one, and the reader learns of each change.
type MembersPage struct {
	Revision uint64   `json:"revision"`
	Epoch    uint64   `json:"epoch"`
	Members  []Member `json:"members"`
	More     bool     `json:"more"`
}

// NewTokens replaces the tokens of terminals. It does not contain the tokens themselves.
type NewTokens struct {
	Tokens []NewTokenOf `json:"tokens"`
}

// NewTokenOf is the new token of one terminal.
type NewTokenOf struct {
	ID    string    `json:"id"`
	Key   []byte    `json:"key"`
	Until time.Time `json:"until"`
}

// Bind binds a token to the key of an agent, and stores the certificate issued for it.
type Bind struct {
	ID       string               `json:"id"`
	TokenKey []byte               `json:"token_key"`
	Key      identity.Fingerprint `json:"key"`
	Chain    [][]byte             `json:"chain"` // of the certificate, in DER, its own first
	NotAfter time.Time            `json:"not_after"`
}

// Bound contains the certificate of that key: the one stored first, however often it is requested. Errors: ErrVoid,
// ErrExpired, ErrUsed.
type Bound struct {
	Chain [][]byte `json:"chain"`
}

// Have says that the agent has its certificate, or another one for the same key.
type Have struct {
	ID       string               `json:"id"`
	Key      identity.Fingerprint `json:"key"`
	NotAfter time.Time            `json:"not_after"`
}

// Withdraw withdraws certificates and tokens of terminals, all of them or none.
type Withdraw struct {
	IDs    []string `json:"ids"`
	Reason string   `json:"reason,omitempty"`
}

// MaxMembers bounds the register, MaxChange the entries that one call changes, MaxReason a reason in bytes.
const (
	MaxMembers = 4 * bus.MaxTerminals
	MaxChange  = 500
	MaxReason  = 300
)

// The updater's calls for the register. Changes need the active host.
var (
	CallMembers  = bus.Question[MembersQuestion, MembersPage](bus.ProcessUpdater, bus.OfTerminalInterface+"members")
	CallBind     = bus.Question[Bind, Bound](bus.ProcessUpdater, bus.OfTerminalInterface+"bind")
	CallHave     = bus.Question[Have, bus.Done](bus.ProcessUpdater, bus.OfTerminalInterface+"have")
	CallTokens   = bus.Question[NewTokens, bus.Done](bus.ProcessUpdater, "members-tokens")
	CallWithdraw = bus.Question[Withdraw, bus.Done](bus.ProcessUpdater, "members-withdraw")
)

// Register is a process's copy of the register. The zero Register is empty.
type Register struct {
	last atomic.Pointer[reading]
}

// reading is the last content read.
type reading struct {
	revision, epoch uint64
	members         map[string]Member
}

// Read reads the register from an updater, unless it has not changed.
func (r *Register) Read(ctx context.Context, updater bus.Asker) error {
	return r.ReadBy(func(q MembersQuestion) (MembersPage, error) { return CallMembers.Ask(ctx, updater, q) })
}

// ReadBy is Read with a custom function to ask for pages. Only one goroutine may call it at a time; the other methods
// are safe for all.
func (r *Register) ReadBy(page func(MembersQuestion) (MembersPage, error)) error {
	first, err := page(MembersQuestion{Limit: 1})
	if err != nil {
		return err
	}
	if was := r.last.Load(); was != nil && was.revision == first.Revision && was.epoch == first.Epoch {
		return nil
	}
	now := &reading{revision: first.Revision, epoch: first.Epoch, members: map[string]Member{}}
	for after, more := "", true; more; {
		p, err := page(MembersQuestion{After: after})
		if err != nil {
			return err
		}
		for _, m := range p.Members {
			now.members[m.ID], after = m, m.ID
		}
		more = p.More && len(p.Members) > 0
	}
	r.last.Store(now)
	return nil
}

// All returns the last content read; it must not be modified.
func (r *Register) All() map[string]Member {
	if last := r.last.Load(); last != nil {
		return last.members
	}
	return nil
}

// Withdrawn implements wires.Withdrawals: for a withdrawn terminal, and for one with a key other than the one
// enrolled last, whose owner has got a new token since.
func (r *Register) Withdrawn(p identity.Peer) bool {
	if p.Name.Role != identity.RoleTerminal {
		return false
	}
	m, known := r.All()[p.Name.ID]
	return known && (!m.Withdrawn.IsZero() || !m.Key.IsZero() && m.Key != p.Fingerprint)
}

// Short returns a fingerprint for people.
func Short(f identity.Fingerprint) string { return hex.EncodeToString(f[:8]) }
