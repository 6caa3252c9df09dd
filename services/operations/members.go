package operations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/enrolment"
	"github.com/hotpair/hotpair/services/issuing"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// members is what main knows about the certificates of terminals.
type members struct {
	issuing  *issuing.Holder
	register enrolment.Register
}

// readMembers reads the register of terminals if it has changed. Like the table of terminals it is read again after
// each change.
func (o *Operations) readMembers() {
	err := o.members.register.ReadBy(func(q enrolment.MembersQuestion) (enrolment.MembersPage, error) {
		return enrolment.CallMembers.PostWait(o.ctx, o.Calls, q, tableDeadline)
	})
	if err != nil {
		o.Log.Debug("the register of terminals can't be read", "error", err)
	}
}

// of returns what is shown of a terminal's certificate; nil if it was installed as files, or there is none.
func (m *members) of(id string) *certificates.TerminalCertificate {
	one, known := m.register.All()[id]
	if !known {
		return nil
	}
	return certificates.Of(one, time.Now())
}

// Authority returns the causes of alarms: why this host can't issue certificates, and the terminals whose token came
// from two machines.
func (o *Operations) Authority() (trouble string, misused []string) {
	unopened, unrenewed := o.members.issuing.Trouble()
	trouble = strings.Join(slices.DeleteFunc([]string{unopened, unrenewed}, func(s string) bool { return s == "" }), "; ")
	for id, m := range o.members.register.All() {
		if !m.Misused.IsZero() {
			misused = append(misused, id)
		}
	}
	slices.Sort(misused)
	return trouble, misused
}

// answerMembers answers about certificates of terminals.
func (o *Operations) answerMembers(r *registry.Registry) {
	registry.Answer(r, operator.CallTerminalTokens, o.makeTokens)
	registry.Answer(r, operator.CallRevokeTerminals, o.revokeTerminals)
}

// makeTokens makes tokens and returns them, once: only digests are kept.
func (o *Operations) makeTokens(ctx context.Context, caller operator.Caller, q certificates.TokensRequest) (certificates.TerminalTokens, error) {
	answer := certificates.TerminalTokens{ID: caller.ID, Tokens: []certificates.TerminalToken{}}
	issuer, err := o.members.issuing.Issuer()
	switch {
	case errors.Is(err, issuing.ErrNone):
		return answer, fmt.Errorf("%w: HOTPAIR_AUTHORITY_KEY is not set, so terminals get their certificates from an external authority", certificates.ErrNoAuthority)
	case err != nil:
		return answer, fmt.Errorf("%w: a token would be useless, because this host can't issue certificates: %w", operator.ErrRefused, err)
	}
	life := enrolment.DefaultLife
	if q.For != "" {
		if life, err = time.ParseDuration(q.For); err != nil || life < time.Minute || life > enrolment.MostLife {
			return answer, fmt.Errorf("%w: a token is valid for 1m to %v, not %.40q", operator.ErrUsage, enrolment.MostLife, q.For)
		}
	}
	addresses := map[string]string{}
	_, rows := o.rows()
	for _, row := range rows {
		addresses[row.ID] = row.Address
	}
	order := enrolment.NewTokens{}
	until := time.Now().Add(life)
	for _, id := range q.IDs {
		address, known := addresses[id]
		if !known {
			return answer, fmt.Errorf("%w: there is no terminal %q; hotpair terminals list shows all", operator.ErrUsage, id)
		}
		token := enrolment.NewToken(issuer.Pair(), id, until)
		key := token.Key()
		order.Tokens = append(order.Tokens, enrolment.NewTokenOf{ID: id, Key: key[:], Until: token.Until})
		answer.Tokens = append(answer.Tokens, certificates.TerminalToken{ID: id, Address: address, Token: token.Text(), Until: token.Until.UTC()})
	}
	if _, err := enrolment.CallTokens.PostWait(ctx, o.Calls, order, tableDeadline); err != nil {
		return certificates.TerminalTokens{ID: caller.ID, Tokens: []certificates.TerminalToken{}}, updaterSaid(err)
	}
	o.noteOutcome(caller, "terminals", fmt.Sprintf("tokens for %d terminals made by %s, valid until %s UTC", len(q.IDs), caller.By(), until.UTC().Format(time.DateTime)))
	return answer, nil
}

// revokeTerminals withdraws certificates and tokens. Each host acts on it as soon as its database has it.
func (o *Operations) revokeTerminals(ctx context.Context, caller operator.Caller, q certificates.RevokeTerminals) (certificates.TerminalsRevoked, error) {
	answer := certificates.TerminalsRevoked{ID: caller.ID, IDs: q.IDs}
	_, rows := o.rows()
	for _, id := range q.IDs {
		listed := slices.ContainsFunc(rows, func(r bus.TableRow) bool { return r.ID == id })
		if !listed && o.members.of(id) == nil {
			return answer, fmt.Errorf("%w: there is no terminal %q and never was; hotpair terminals list shows all", operator.ErrUsage, id)
		}
	}
	if _, err := enrolment.CallWithdraw.PostWait(ctx, o.Calls, enrolment.Withdraw{IDs: q.IDs, Reason: caller.Reason}, tableDeadline); err != nil {
		return answer, updaterSaid(err)
	}
	text := fmt.Sprintf("certificates of %s withdrawn by %s", strings.Join(q.IDs[:min(len(q.IDs), shownNames)], ", "), caller.By())
	o.noteOutcome(caller, "terminals", text)
	return answer, nil
}
