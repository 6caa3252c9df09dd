package operatortest

import (
	"context"
	"fmt"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// answerOperators answers about the list that a test puts into a Host.
func (h *Host) answerOperators(r *registry.Registry) {
	registry.Answer(r, operator.CallWho, registry.Who)
	registry.Answer(r, operator.CallOperators, registry.Plain(func(context.Context) (operator.OperatorList, error) {
		h.Mu.Lock()
		defer h.Mu.Unlock()
		return h.Operators, h.Err
	}))
	registry.Answer(r, operator.CallAddOperator, func(_ context.Context, c operator.Caller, q operator.AddOperator) (operator.OperatorToken, error) {
		h.Mu.Lock()
		defer h.Mu.Unlock()
		h.Callers = append(h.Callers, c)
		h.Operators.Operators = append(h.Operators.Operators, operator.OperatorRow{Name: q.Name, Role: q.Role, Expires: q.Until(Noon()), By: c.Name})
		return operator.OperatorToken{ID: c.ID, Name: q.Name, Role: q.Role, Expires: q.Until(Noon()), Token: "hpt_token"}, h.Err
	})
	registry.Answer(r, operator.CallRotateOperator, func(_ context.Context, c operator.Caller, q operator.RotateOperator) (operator.OperatorToken, error) {
		h.Mu.Lock()
		defer h.Mu.Unlock()
		h.Callers = append(h.Callers, c)
		return operator.OperatorToken{ID: c.ID, Name: q.Name, Role: operator.View, Expires: q.Until(Noon()), Token: "hpt_another"}, h.Err
	})
	registry.Answer(r, operator.CallRemoveOperator, func(_ context.Context, c operator.Caller, q operator.RemoveOperator) (operator.OperatorRemoved, error) {
		h.Mu.Lock()
		defer h.Mu.Unlock()
		h.Callers = append(h.Callers, c)
		if len(h.Operators.Operators) == 0 {
			return operator.OperatorRemoved{}, fmt.Errorf("%w: there is no operator %q", operator.ErrRefused, q.Name)
		}
		h.Operators.Operators = h.Operators.Operators[1:]
		return operator.OperatorRemoved{ID: c.ID, Name: q.Name, Left: len(h.Operators.Operators)}, h.Err
	})
}
