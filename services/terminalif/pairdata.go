package terminalif

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/issuing"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
)

// pairData is what this process follows of the pair's own key space.
type pairData struct {
	receipts, members chan struct{} // a token each: it may have changed, or this host begins to serve
}

func newPairData() pairData { return pairData{make(chan struct{}, 1), make(chan struct{}, 1)} }

// lookAgain never blocks.
func (p pairData) lookAgain() {
	for _, c := range []chan struct{}{p.receipts, p.members} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// follow follows it until ctx ends.
func (i *Interface) follow(ctx context.Context, g *errgroup.Group) {
	g.Go(func() error {
		return receipt.Follow(ctx, i.conns.Traffic, i.pairData.receipts, asSessions{i}.Serving, func(k receipt.Keys) {
			i.receiptKeys.Store(&k)
			i.relay.signWith(receipt.New(k))
		}, i.log)
	})
	g.Go(func() error { return i.config.Enrolment.Run(ctx, i.conns.Traffic, asSessions{i}, i.pairData.members) })
}

// issuerOf gives the issuing key of a host that has one.
func issuerOf(h *issuing.Holder) func() (*authority.Issuer, error) {
	if !h.Configured() {
		return nil
	}
	return h.Issuer
}

// asSessions is what enrolment needs of the sessions.
type asSessions struct{ i *Interface }

// Serving implements enrolment.Sessions.
func (s asSessions) Serving() bool { return s.i.present() != nil }

// Address implements enrolment.Sessions.
func (s asSessions) Address(id string) (string, bool) {
	if one := s.i.roster.of(id); one != nil {
		return one.url, true
	}
	return "", false
}

// Connected implements enrolment.Sessions.
func (s asSessions) Connected(id string) bool {
	one := s.i.roster.of(id)
	return one != nil && one.warm() != nil
}

// of gives the session of a terminal, or nil.
func (r *roster) of(id string) *session {
	for _, s := range r.all() {
		if s.id == id {
			return s
		}
	}
	return nil
}
