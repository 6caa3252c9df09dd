package terminalif

import (
	"context"
	"slices"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
	"github.com/hotpair/hotpair/services/terminalif/round"
	"github.com/hotpair/hotpair/services/terminalif/taking"
)

// term is one order to attach: the time in which this host serves. A new order makes a new term.
type term struct {
	bus.Attach
	round    *round.Round[*session]
	delivery *delivery.Delivery // of notices, in this term
	desk     *taking.Desk       // of fenced commands, in this term
	life     context.Context    // of both
	end      func()
}

// newRound starts to collect the results of an order.
func newRound(sessions []*session) *round.Round[*session] {
	warm := slices.DeleteFunc(slices.Clone(sessions), func(s *session) bool { return s.warm() == nil })
	return round.New(warm, len(sessions)-len(warm))
}
