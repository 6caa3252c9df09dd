package operations

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// operatorsAgain is the pause before an unreadable list of operators is read again: until then this host accepts no
// token.
const operatorsAgain = 500 * time.Millisecond

// answerOperators answers who may operate the pair.
func (o *Operations) answerOperators(r *registry.Registry) {
	registry.Answer(r, operator.CallWho, registry.Who)
	registry.Answer(r, operator.CallOperators, o.listOperators)
	registry.Answer(r, operator.CallAddOperator, o.addOperator)
	registry.Answer(r, operator.CallRotateOperator, o.rotateOperator)
	registry.Answer(r, operator.CallRemoveOperator, o.removeOperator)
}

// readOperators reads the list of operators from this host's database. While that fails no operator is known: one may
// have been withdrawn meanwhile.
func (o *Operations) readOperators() {
	list, err := accounts.CallList.PostWait(o.ctx, o.Calls, accounts.Question{}, callWithin)
	if err == nil {
		o.Book.Set(list)
		return
	}
	o.Book.Lose()
	if o.ctx.Err() != nil {
		return
	}
	o.Log.Warn("the list of operators can't be read: this host accepts no token until it can", "error", err)
	time.AfterFunc(operatorsAgain, func() {
		if o.ctx.Err() == nil && o.Processes.IsUp(bus.ProcessUpdater) {
			o.SystemChanged()
		}
	})
}

// listOperators returns the operators of the pair.
func (o *Operations) listOperators(ctx context.Context, _ operator.Caller, _ operator.None) (operator.OperatorList, error) {
	list, err := accounts.CallList.PostWait(ctx, o.Calls, accounts.Question{}, callWithin)
	if err != nil {
		return operator.OperatorList{}, updaterSaid(err)
	}
	return operatorsOf(list, time.Now()), nil
}

func operatorsOf(list accounts.List, now time.Time) operator.OperatorList {
	all := operator.OperatorList{Operators: []operator.OperatorRow{}}
	for _, a := range list.Accounts {
		all.Operators = append(all.Operators, operator.OperatorRow{Name: a.Name, Role: operator.Role(a.Role), Created: a.Created, By: a.By,
			Rotated: a.Rotated, Expires: a.Expires, Expired: a.Expired(now)})
	}
	return all
}

// addOperator makes an operator and returns the token, once: only its digest is kept. Only the active can.
func (o *Operations) addOperator(ctx context.Context, caller operator.Caller, q operator.AddOperator) (operator.OperatorToken, error) {
	token, now := accounts.NewToken(), time.Now().UTC().Truncate(time.Second)
	a := accounts.Account{Name: q.Name, Role: string(q.Role), Digest: accounts.Digest(token), Created: now, By: by(caller), Expires: q.Until(now)}
	return o.issue(ctx, caller, token, a, accounts.Change{Add: &a}, fmt.Sprintf("operator %s added as %s", q.Name, q.Role))
}

// rotateOperator gives an operator another token; the previous one is invalid from then on. Only the active can.
func (o *Operations) rotateOperator(ctx context.Context, caller operator.Caller, q operator.RotateOperator) (operator.OperatorToken, error) {
	token, now := accounts.NewToken(), time.Now().UTC().Truncate(time.Second)
	a := accounts.Account{Name: q.Name, Digest: accounts.Digest(token), Rotated: now, Expires: q.Until(now)}
	return o.issue(ctx, caller, token, a, accounts.Change{Rotate: &a}, "operator "+q.Name+" got another token")
}

func (o *Operations) issue(ctx context.Context, caller operator.Caller, token string, a accounts.Account, change accounts.Change, what string) (operator.OperatorToken, error) {
	list, err := o.changeOperators(ctx, caller, change, what)
	if err != nil {
		return operator.OperatorToken{}, err
	}
	now, _ := list.Find(a.Name)
	return operator.OperatorToken{ID: caller.ID, Name: now.Name, Role: operator.Role(now.Role), Expires: now.Expires, Token: token}, nil
}

// removeOperator withdraws an operator: the token is invalid from now on, and its sessions end. Only the active can.
func (o *Operations) removeOperator(ctx context.Context, caller operator.Caller, q operator.RemoveOperator) (operator.OperatorRemoved, error) {
	list, err := o.changeOperators(ctx, caller, accounts.Change{Remove: q.Name}, "operator "+q.Name+" withdrawn")
	return operator.OperatorRemoved{ID: caller.ID, Name: q.Name, Left: len(list.Accounts)}, err
}

func (o *Operations) changeOperators(ctx context.Context, caller operator.Caller, change accounts.Change, what string) (accounts.List, error) {
	list, err := accounts.CallChange.PostWait(ctx, o.Calls, change, tableDeadline)
	if err != nil {
		return list, updaterSaid(err)
	}
	o.Book.Set(list) // this host knows at once, the other one when its updater has applied it
	o.noteOutcome(caller, "operators", what+" by "+caller.By())
	return list, nil
}

// by names the maker of an account, cut to the bound of the field.
func by(c operator.Caller) string {
	text := c.By()
	if len(text) > 150 {
		text = strings.ToValidUTF8(text[:150], "") + "…"
	}
	return text
}
