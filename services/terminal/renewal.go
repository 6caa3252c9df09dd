package terminal

import (
	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/renewal"
)

// Renewal receives the next certificate of this terminal. *renewal.Agent implements it.
type Renewal interface {
	Answer(renewal.Offer) renewal.Answer
}

// renewals is how many questions about the certificate are answered at a time; those of both hosts and some more.
const renewals = 4

// renew answers a host that asks for the certificate or offers the next one. It writes to a disk that may hang, so it
// blocks no other work, and some of several simultaneous questions get no answer.
func (a *Agent) renew(m *nats.Msg) {
	var offer renewal.Offer
	if a.config.Renewal == nil || bus.DecodeJSON(m.Data, &offer) != nil {
		return
	}
	a.renewing.TryGo(func() error {
		a.respond(m, a.config.Renewal.Answer(offer))
		return nil
	})
}
