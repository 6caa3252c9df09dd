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

// Subject is the subject for questions to an agent: Offer → Answer.
const Subject = "agent.certificate"

// Offer asks an agent for its certificate, and with Chain offers it the next one.
type Offer struct {
	Chain [][]byte `json:"chain,omitempty"` // in DER, the agent's own first
}

// Answer contains the certificate now in the agent's file, with its chain, in DER. Code and Text say why the offered
// one is not there; they are empty if it is, and if none was offered.
type Answer struct {
	Chain [][]byte `json:"chain,omitempty"`
	Code  string   `json:"code,omitempty"`
	Text  string   `json:"text,omitempty"`
}

// Why an agent rejects a certificate.
var (
	// ErrOffer: it is not for this terminal, its key and its roots, or does not expire later than the present one.
	ErrOffer = fault.New("renewal-offer", "unacceptable certificate")
	// ErrKeep: it can't replace the file.
	ErrKeep = fault.New("renewal-keep", "can't store the certificate")
)

// soonest is how much later the next certificate expires at least.
const soonest = time.Hour

// Agent is the terminal's side: it accepts certificates for its own key.
type Agent struct {
	paths identity.Paths
	log   *slog.Logger

	taking sync.Mutex
}

// NewAgent returns an Agent for the files of an agent. Their readers (services/wires) notice the change.
func NewAgent(p identity.Paths, log *slog.Logger) *Agent {
	return &Agent{paths: identity.Paths{Certificate: p.Certificate, Key: p.Key, Roots: p.Roots}, log: log}
}

// Answer answers an authenticated host.
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
		a.log.Warn("the offered certificate is not accepted", "error", err)
		answer.Text = fault.Text(err)
		if codes := fault.Codes(err); len(codes) > 0 {
			answer.Code = codes[0]
		}
	}
	return answer
}

// own reads the files, which the next connection presents.
func (a *Agent) own() (*identity.Credentials, error) {
	files := identity.NewFiles(a.paths, nil, nil)
	if err := files.Load(); err != nil {
		return nil, fmt.Errorf("%w: the present certificate files are unreadable: %w", ErrKeep, err)
	}
	return files.Current()
}

// take replaces the present chain. An unacceptable chain changes nothing.
func (a *Agent) take(own *identity.Credentials, raw [][]byte) error {
	chain, err := identity.ParseDER(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOffer, err)
	}
	key, ok := own.Certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("%w: the private key can't sign", ErrKeep)
	}
	next, err := identity.NewCredentials(chain, key, own.Roots)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrOffer, err)
	case next.Self.Name != own.Self.Name:
		return fmt.Errorf("%w: it is for %s, but this is %s", ErrOffer, next.Self.Name, own.Self.Name)
	case next.Self.NotAfter.Before(own.Self.NotAfter.Add(soonest)):
		return fmt.Errorf("%w: it expires on %s, the present one on %s", ErrOffer, stamp(next.Self.NotAfter), stamp(own.Self.NotAfter))
	}
	if err := durable.Write(a.paths.Certificate, authority.EncodeCertificates(chain...)); err != nil {
		return fmt.Errorf("%w: %w; give the user of the agent write access to it and its directory, or renew it by hand (hotpair authority issue)", ErrKeep, err)
	}
	a.log.Info("renewed this terminal's certificate", "until", next.Self.NotAfter)
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.DateOnly) }
