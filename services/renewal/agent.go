package renewal

import (
	"crypto"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/identity"
)

// Subject is where an agent is asked: Offer → Answer.
const Subject = "agent.certificate"

// Offer asks an agent what certificate it has, and with Chain offers it the next one.
type Offer struct {
	Chain [][]byte `json:"chain,omitempty"` // in DER, the agent's own first
}

// Answer has the certificate that is in the agent's file now, with what is behind it, in DER. Code and Text say why the one that was offered is
// not there; they are empty when it is, and when none was.
type Answer struct {
	Chain [][]byte `json:"chain,omitempty"`
	Code  string   `json:"code,omitempty"`
	Text  string   `json:"text,omitempty"`
}

// Why an agent does not take a certificate.
var (
	// ErrOffer: it is not one for this terminal, its key and its roots, or ends no later than the one that is there.
	ErrOffer = fault.New("renewal-offer", "no certificate to take")
	// ErrKeep: it can't be put in the place of the file.
	ErrKeep = fault.New("renewal-keep", "the certificate can't be written")
)

// soonest is how much later the next one ends at least.
const soonest = time.Hour

// Agent is the side of a terminal: it takes what is offered for its own key.
type Agent struct {
	paths identity.Paths
	log   *slog.Logger

	taking sync.Mutex
}

// NewAgent makes one for the files of an agent. Whoever reads them (services/wires) sees that they change.
func NewAgent(p identity.Paths, log *slog.Logger) *Agent {
	return &Agent{paths: identity.Paths{Certificate: p.Certificate, Key: p.Key, Roots: p.Roots}, log: log}
}

// Answer answers a host that is proved.
func (a *Agent) Answer(o Offer) Answer {
	a.taking.Lock()
	defer a.taking.Unlock()
	own, err := a.own()
	if err == nil && len(o.Chain) > 0 {
		if err = a.take(own, o.Chain); err == nil {
			own, err = a.own()
		}
	}
	answer := Answer{}
	if own != nil {
		answer.Chain = own.Certificate.Certificate
	}
	if err != nil {
		a.log.Warn("the next certificate is not taken", "error", err)
		answer.Text = fault.Text(err)
		if codes := fault.Codes(err); len(codes) > 0 {
			answer.Code = codes[0]
		}
	}
	return answer
}

// own reads what the files have, which is what the next connection shows.
func (a *Agent) own() (*identity.Credentials, error) {
	files := identity.NewFiles(a.paths, nil, nil)
	if err := files.Load(); err != nil {
		return nil, fmt.Errorf("%w: what this terminal has can't be read: %w", ErrKeep, err)
	}
	return files.Current()
}

// take puts a chain in the place of the one that is there. What it is not for changes nothing.
func (a *Agent) take(own *identity.Credentials, raw [][]byte) error {
	chain, err := identity.ParseDER(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOffer, err)
	}
	key, ok := own.Certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("%w: the own key signs nothing", ErrKeep)
	}
	next, err := identity.NewCredentials(chain, key, own.Roots)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrOffer, err)
	case next.Self.Name != own.Self.Name:
		return fmt.Errorf("%w: it is for %s, and this is %s", ErrOffer, next.Self.Name, own.Self.Name)
	case next.Self.NotAfter.Before(own.Self.NotAfter.Add(soonest)):
		return fmt.Errorf("%w: it ends on %s, and the one that is here on %s", ErrOffer, stamp(next.Self.NotAfter), stamp(own.Self.NotAfter))
	}
	if err := durable.Write(a.paths.Certificate, authority.EncodeCertificates(chain...)); err != nil {
		return fmt.Errorf("%w: %w; let the user of the agent write it and its directory, or renew it by hand (hotpair authority issue)", ErrKeep, err)
	}
	a.log.Info("the own certificate is renewed", "until", next.Self.NotAfter)
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.DateOnly) }
