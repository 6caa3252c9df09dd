// Package members keeps the register of terminals' certificates in the pair's own key space: which tokens are out, which key
// was enrolled with one, what was withdrawn. Each change is one update, under the condition that what it was worked out
// from is unchanged, so both hosts and the next active have the same. Tokens are not in it, only what proves them.
package members

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/enrolment"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/updater/systemspace"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

const (
	tries = 8
	// page is how many entries a page has at most: an entry has some 300 bytes, or 2 KiB with a reason.
	page = 1000
	// maxChain bounds a certificate that is kept, in bytes.
	maxChain = 16 << 10
)

var errStored = errors.New("the register of terminals can't be read")

// head is the value under enrolment.Key. It changes with each change of the register.
type head struct {
	Total int `json:"total"`
}

// entry is the value of one terminal.
type entry struct {
	enrolment.Member
	// Chain is the certificate of Key as it was issued.
	Chain [][]byte `json:"chain,omitempty"`
	// Epoch is the one in which the token was made.
	Epoch uint64 `json:"epoch,omitempty"`
	now   uint64 // the present one
}

// lost reports whether the pair has lost updates since the token was made, by an epoch that only a forced promotion of restored data, or of a
// pair without its record, comes to. Whether the token was used or taken back in what was lost nobody knows: it is worth nothing.
func (e *entry) lost() bool { return len(e.TokenKey) > 0 && e.now >= e.Epoch+membership.LostStride }

func keyOf(id string) []byte { return []byte(enrolment.Key + "/" + id) }

// Space changes the pair's own key space. *systemspace.Space is one.
type Space interface {
	Change(ctx context.Context, c systemspace.Change, work func() (operations []bus.Operation, revision uint64, err error)) error
}

// Members are the register on one host.
type Members struct {
	store    systemspace.Viewer
	space    Space
	now      func() time.Time
	changing *semaphore.Weighted
}

// New gives the register in a store; now is the wall clock.
func New(store systemspace.Viewer, space Space, now func() time.Time) *Members {
	return &Members{store: store, space: space, now: now, changing: semaphore.NewWeighted(1)}
}

// Answer answers main and terminal-if, each call in a goroutine of the group.
func (m *Members) Answer(r *bus.Router, group bus.Group) {
	ctx := context.Background()
	enrolment.CallMembers.HandleIn(ctx, r, group, m.page)
	enrolment.CallTokens.HandleIn(ctx, r, group, m.tokens)
	enrolment.CallBind.HandleIn(ctx, r, group, m.bind)
	enrolment.CallHave.HandleIn(ctx, r, group, m.have)
	enrolment.CallWithdraw.HandleIn(ctx, r, group, m.withdraw)
}

// page gives a part of the register, in either role.
func (m *Members) page(_ context.Context, q enrolment.MembersQuestion) (enrolment.MembersPage, error) {
	answer := enrolment.MembersPage{Members: []enrolment.Member{}}
	limit := page
	if q.Limit > 0 {
		limit = min(q.Limit, page)
	}
	err := m.store.View(func(r *storage.Reader) error {
		_, answer.Revision, _ = r.Get(bus.SystemSpace, []byte(enrolment.Key))
		answer.Epoch = r.Position().Epoch
		var after []byte
		if q.After != "" {
			after = keyOf(q.After)
		}
		items, more := r.Scan(bus.SystemSpace, keyOf(""), after, limit, 0)
		answer.More = more
		for _, it := range items {
			e, err := decode(it.Key, it.Value, answer.Epoch)
			if err != nil {
				return err
			}
			answer.Members = append(answer.Members, e.Member)
		}
		return nil
	})
	return answer, err
}

// decode reads an entry in an epoch.
func decode(key, value []byte, epoch uint64) (e entry, err error) {
	if err := json.Unmarshal(value, &e); err != nil {
		return e, fmt.Errorf("%w: %s", errStored, key)
	}
	e.ID = strings.TrimPrefix(string(key), string(keyOf("")))
	if e.now = epoch; e.lost() {
		void(&e)
	}
	return e, nil
}

// tokens has tokens go out. Who was withdrawn stays so until the token is used.
func (m *Members) tokens(ctx context.Context, q enrolment.NewTokens) (bus.Done, error) {
	ids := make([]string, len(q.Tokens))
	for i, t := range q.Tokens {
		ids[i] = t.ID
		if len(t.Key) != len(enrolment.TokenKey{}) {
			return bus.Done{}, fmt.Errorf("%w: a token of %d bytes", bus.ErrRefused, len(t.Key))
		}
	}
	return m.change(ctx, ids, func(i int, e *entry) (bool, error) {
		e.TokenKey, e.Until, e.Misused = q.Tokens[i].Key, q.Tokens[i].Until.UTC(), time.Time{}
		e.Epoch = e.now
		// What was enrolled before stays, until the new token is used: by that key, or by another one.
		e.UsedBy, e.Pending, e.Chain = identity.Fingerprint{}, false, nil
		return true, nil
	})
}

// bind binds a token to a key, once; the same key has the same certificate again.
func (m *Members) bind(ctx context.Context, q enrolment.Bind) (answer enrolment.Bound, err error) {
	size := 0
	for _, c := range q.Chain {
		size += len(c)
	}
	if len(q.Chain) == 0 || size > maxChain || q.Key.IsZero() {
		return answer, fmt.Errorf("%w: a certificate of %d bytes", bus.ErrRefused, size)
	}
	var refused error
	_, err = m.change(ctx, []string{q.ID}, func(_ int, e *entry) (bool, error) {
		refused, answer = nil, enrolment.Bound{}
		now := m.now().UTC().Truncate(time.Second)
		switch {
		case len(e.TokenKey) == 0 || !hmac.Equal(e.TokenKey, q.TokenKey):
			return false, fmt.Errorf("%w: a newer token for terminal %s exists, or it was withdrawn, or the data were restored", enrolment.ErrVoid, e.ID)
		case e.UsedBy == q.Key && len(e.Chain) > 0:
			answer.Chain = e.Chain
			return false, nil
		case e.UsedBy == q.Key: // enrolled, and renewed since
			return false, fmt.Errorf("%w: terminal %s already has its certificate", enrolment.ErrUsed, e.ID)
		case !e.UsedBy.IsZero():
			// An update too, so that whoever serves tells of it. Once is enough.
			refused = fmt.Errorf("%w: on %s, by the key %s; was the token copied?", enrolment.ErrUsed, e.Enrolled.Format(time.DateTime), enrolment.Short(e.UsedBy))
			first := e.Misused.IsZero()
			if first {
				e.Misused = now
			}
			return first, nil
		case now.After(e.Until):
			return false, fmt.Errorf("%w: on %s, and this host's clock shows %s", enrolment.ErrExpired, e.Until.Format(time.DateTime), now.Format(time.DateTime))
		}
		e.UsedBy, e.Key, e.Pending, e.Chain, e.NotAfter, e.Enrolled = q.Key, q.Key, true, q.Chain, q.NotAfter.UTC(), now
		e.Withdrawn, e.Reason, e.Misused = time.Time{}, "", time.Time{}
		answer.Chain = q.Chain
		return true, nil
	})
	return answer, errors.Join(err, refused)
}

// have notes that an agent has its certificate.
func (m *Members) have(ctx context.Context, q enrolment.Have) (bus.Done, error) {
	return m.change(ctx, []string{q.ID}, func(_ int, e *entry) (bool, error) {
		if e.Key != q.Key || !e.Pending && e.NotAfter.Equal(q.NotAfter) {
			return false, nil // it is another one's by now, or known
		}
		if !e.NotAfter.Equal(q.NotAfter) {
			e.NotAfter, e.Chain = q.NotAfter.UTC(), nil // it was renewed
		}
		e.Pending = false
		return true, nil
	})
}

// withdraw withdraws what terminals have, and the tokens that are out.
func (m *Members) withdraw(ctx context.Context, q enrolment.Withdraw) (bus.Done, error) {
	if len(q.Reason) > enrolment.MaxReason {
		return bus.Done{}, fmt.Errorf("%w: a reason of %d bytes, at most %d", bus.ErrRefused, len(q.Reason), enrolment.MaxReason)
	}
	now := m.now().UTC().Truncate(time.Second)
	return m.change(ctx, q.IDs, func(_ int, e *entry) (bool, error) {
		void(e)
		e.Withdrawn, e.Reason = now, q.Reason
		return true, nil
	})
}

// void takes a token back.
func void(e *entry) {
	e.TokenKey, e.Until, e.UsedBy, e.Pending, e.Chain, e.Misused = nil, time.Time{}, identity.Fingerprint{}, false, nil, time.Time{}
}

// change has entries changed, all in one update, or none; do says whether one is another, and its error refuses all.
func (m *Members) change(ctx context.Context, ids []string, do func(i int, e *entry) (bool, error)) (bus.Done, error) {
	if len(ids) == 0 || len(ids) > enrolment.MaxChange {
		return bus.Done{}, fmt.Errorf("%w: %d terminals at once, 1 to %d", bus.ErrRefused, len(ids), enrolment.MaxChange)
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if err := identity.Terminal("x", id).Check(); err != nil {
			return bus.Done{}, fmt.Errorf("%w: %w", bus.ErrRefused, err)
		}
		if seen[id] {
			return bus.Done{}, fmt.Errorf("%w: terminal %s is named twice", bus.ErrRefused, id)
		}
		seen[id] = true
	}
	err := m.space.Change(ctx, systemspace.Change{What: "the register of terminals", Head: enrolment.Key, Turn: m.changing, Tries: tries},
		func() ([]bus.Operation, uint64, error) { return m.plan(ids, do) })
	if errors.Is(err, systemspace.ErrNotServed) {
		err = fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	return bus.Done{}, err
}

// plan works a change out from what is committed.
func (m *Members) plan(ids []string, do func(i int, e *entry) (bool, error)) (operations []bus.Operation, revision uint64, err error) {
	err = m.store.View(func(r *storage.Reader) error {
		var h head
		var value []byte
		var known bool
		if value, revision, known = r.Get(bus.SystemSpace, []byte(enrolment.Key)); known {
			if err := json.Unmarshal(value, &h); err != nil {
				return errStored
			}
		}
		for i, id := range ids {
			e := entry{Member: enrolment.Member{ID: id}, now: r.Position().Epoch}
			before, _, known := r.Get(bus.SystemSpace, keyOf(id))
			if known {
				if e, err = decode(keyOf(id), before, r.Position().Epoch); err != nil {
					return err
				}
			} else {
				h.Total++
			}
			changed, err := do(i, &e)
			if err != nil {
				return err
			}
			if !changed {
				continue
			}
			after, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if !bytes.Equal(before, after) {
				operations = append(operations, bus.Operation{Key: keyOf(id), Value: after})
			}
		}
		if h.Total > enrolment.MaxMembers {
			return fmt.Errorf("%w: the register would have %d terminals, at most %d", bus.ErrRefused, h.Total, enrolment.MaxMembers)
		}
		if len(operations) == 0 {
			return nil
		}
		after, err := json.Marshal(h)
		operations = append(operations, bus.Operation{Key: []byte(enrolment.Key), Value: after})
		return err
	})
	return operations, revision, err
}

// Empty gives the effects that leave a register without terminals, each piece one update. It is for a copy of a pair, whose authority is another
// one: what was enrolled with the old one keeps nobody out of the new one.
func Empty(s systemspace.Viewer) (pieces [][]history.Effect, err error) {
	err = s.View(func(r *storage.Reader) error {
		if _, _, known := r.Get(bus.SystemSpace, []byte(enrolment.Key)); !known {
			return nil
		}
		var after []byte
		for more := true; more; {
			var items []storage.Item
			items, more = r.Scan(bus.SystemSpace, keyOf(""), after, page, 0)
			var piece []history.Effect
			for _, it := range items {
				after = it.Key
				piece = append(piece, history.Effect{Key: it.Key, Delete: true})
			}
			if len(piece) > 0 {
				pieces = append(pieces, piece)
			}
			more = more && len(items) > 0
		}
		value, err := json.Marshal(head{})
		pieces = append(pieces, []history.Effect{{Key: []byte(enrolment.Key), Value: value}})
		return err
	})
	return pieces, err
}
