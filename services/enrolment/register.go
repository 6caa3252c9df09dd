package enrolment

import (
	"context"
	"encoding/hex"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/identity"
)

// Key is where the register stands in the pair's own key space: a head, and below it one key for each terminal.
const Key = "members"

// Member is what the pair knows of the certificate of one terminal. The register has no entry of a terminal that was given its
// certificate in files.
type Member struct {
	ID string `json:"id"`
	// TokenKey proves the token that is out; nil: none is. Until is when it expires.
	TokenKey []byte    `json:"token_key,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	// UsedBy is the fingerprint of the key that has used it.
	UsedBy identity.Fingerprint `json:"used_by,omitzero"`
	// Key is the fingerprint of the key that was enrolled; NotAfter is when its certificate ends. Enrolled is when that was.
	Key      identity.Fingerprint `json:"key,omitzero"`
	NotAfter time.Time            `json:"not_after,omitzero"`
	Enrolled time.Time            `json:"enrolled,omitzero"`
	// Pending: the certificate was issued, and the agent has not said yet that it has it.
	Pending bool `json:"pending,omitempty"`
	// Misused is when another key came with a token that was used.
	Misused time.Time `json:"misused,omitzero"`
	// Withdrawn is when the certificate was withdrawn, Reason why.
	Withdrawn time.Time `json:"withdrawn,omitzero"`
	Reason    string    `json:"reason,omitempty"`
}

// Waits reports whether the host that serves is to dial the terminal: a token is out, or a certificate on its way.
func (m Member) Waits() bool { return len(m.TokenKey) > 0 && (m.UsedBy.IsZero() || m.Pending) }

// MembersQuestion asks for a page of the register behind an id; 0 is as many as a page has at most.
type MembersQuestion struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// MembersPage answers it. Revision is that of the register, Epoch the pair's: with another epoch the same entries may mean something else, and what
// was lost by force may have had the same revision. Pages of different revisions may be put together: entries change one by one, and who
// reads them is told of each change.
type MembersPage struct {
	Revision uint64   `json:"revision"`
	Epoch    uint64   `json:"epoch"`
	Members  []Member `json:"members"`
	More     bool     `json:"more"`
}

// NewTokens are tokens that go out, instead of those that were. Nothing of the token itself is in it.
type NewTokens struct {
	Tokens []NewTokenOf `json:"tokens"`
}

// NewTokenOf is that of one terminal.
type NewTokenOf struct {
	ID    string    `json:"id"`
	Key   []byte    `json:"key"`
	Until time.Time `json:"until"`
}

// Bind binds a token to the key of an agent, and keeps the certificate that was issued for it.
type Bind struct {
	ID       string               `json:"id"`
	TokenKey []byte               `json:"token_key"`
	Key      identity.Fingerprint `json:"key"`
	Chain    [][]byte             `json:"chain"` // of the certificate, in DER, its own first
	NotAfter time.Time            `json:"not_after"`
}

// Bound has the certificate of that key: the one that was kept first, however often it is asked for. Errors: ErrVoid, ErrExpired, ErrUsed.
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

// MaxMembers bounds the register, MaxChange what one call changes, MaxReason a reason in bytes.
const (
	MaxMembers = 4 * bus.MaxTerminals
	MaxChange  = 500
	MaxReason  = 300
)

// The calls of the updater about the register. What changes it needs the host that serves.
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

// reading is what was read.
type reading struct {
	revision, epoch uint64
	members         map[string]Member
}

// Read reads it from an updater, unless it is what was read last.
func (r *Register) Read(ctx context.Context, updater bus.Asker) error {
	return r.ReadBy(func(q MembersQuestion) (MembersPage, error) { return CallMembers.Ask(ctx, updater, q) })
}

// ReadBy is Read with a way of one's own to ask for pages. It is for one goroutine at a time; the other methods are for all.
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

// All is what was read last; it must not be changed.
func (r *Register) All() map[string]Member {
	if last := r.last.Load(); last != nil {
		return last.members
	}
	return nil
}

// Withdrawn implements wires.Withdrawals: a terminal that was withdrawn, and one with another key than the one that was enrolled last,
// whose owner has been given a new token since.
func (r *Register) Withdrawn(p identity.Peer) bool {
	if p.Name.Role != identity.RoleTerminal {
		return false
	}
	m, known := r.All()[p.Name.ID]
	return known && (!m.Withdrawn.IsZero() || !m.Key.IsZero() && m.Key != p.Fingerprint)
}

// Short is a fingerprint for people.
func Short(f identity.Fingerprint) string { return hex.EncodeToString(f[:8]) }
