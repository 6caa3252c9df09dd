package terminalif

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/renewal"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

// pairData is what this process follows of the pair's own key space.
type pairData struct {
	receipts, members chan struct{} // a token each: the data may have changed, or this host begins to serve
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
func (s asSessions) Connected(id string) bool { return s.conn(id) != nil }

// Ask implements renewal.Sessions.
func (s asSessions) Ask(ctx context.Context, id string, o renewal.Offer) (a renewal.Answer, err error) {
	conn := s.conn(id)
	if conn == nil {
		return a, bus.ErrDisconnected
	}
	err = wire.Call(ctx, conn, renewal.Subject, o, &a)
	return a, err
}

// conn returns the connection to a terminal that was greeted, or nil.
func (s asSessions) conn(id string) *wire.Conn {
	if one := s.i.roster.of(id); one != nil {
		return one.warm()
	}
	return nil
}

// of returns the session of a terminal, or nil.
func (r *roster) of(id string) *session {
	all := r.all()
	if at := slices.IndexFunc(all, func(s *session) bool { return s.id == id }); at >= 0 {
		return all[at]
	}
	return nil
}
