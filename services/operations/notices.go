package operations

import (
	"context"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
)

// answerNotices answers about notices of services to terminals.
func (o *Operations) answerNotices(r *registry.Registry) {
	registry.Answer(r, operator.CallNotices, func(ctx context.Context, _ operator.Caller, q delivery.WaitingQuestion) (delivery.WaitingNotices, error) {
		list, err := delivery.CallList.PostWait(ctx, o.Calls, q, callWithin)
		if list.Terminals == nil {
			list.Terminals = []delivery.Recipient{}
		}
		return list, updaterSaid(err)
	})
}
