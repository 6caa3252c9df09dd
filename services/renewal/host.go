package renewal

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// lookEvery is how often a host checks which certificates are due: as often as main collects the state of
	// connections.
	lookEvery = 5 * time.Second
	// askedAtOnce bounds how many terminals are asked at a time, askWithin each question, changeWithin the update that follows.
	askedAtOnce  = 4
	askWithin    = 5 * time.Second
	changeWithin = 10 * time.Second
	// again is the pause before a terminal is asked again that has its next certificate or could not get it, soon the
	// pause on a host that waits for the other one to renew it. Half of each is random.
	again = time.Hour
	soon  = 20 * time.Second
)

// Wires are the connections of terminal-if. *wires.Wires is one.
type Wires interface {
	// Peers are the connected peers.
	Peers() []identity.Peer
	// Learn records the certificate that a terminal will present next, and returns its peer; its error says why it is
	// invalid.
	Learn(terminal string, chain []*x509.Certificate) (identity.Peer, error)
	// Doubt says why the wall clock is in doubt: then nothing is issued.
	Doubt() string
}

// Sessions are the host's sessions with terminals.
type Sessions interface {
	// Serving reports whether this host is active: the active host issues.
	Serving() bool
	// Ask asks the agent of a terminal over its session.
	Ask(ctx context.Context, id string, o Offer) (Answer, error)
}

// Register is what the pair knows of the certificates of terminals.
type Register interface {
	// Withdrawn reports whether a certificate was withdrawn.
	Withdrawn(identity.Peer) bool
	// Renewed records until when the certificate of a terminal's key is valid.
	Renewed(ctx context.Context, id string, key identity.Fingerprint, until time.Time) error
}

// Config describes a Host.
type Config struct {
	Wires    Wires
	Sessions Sessions
	Register Register
	// Issuer returns the issuing key; nil: certificates come from elsewhere, and are only recorded.
	Issuer func() (*authority.Issuer, error)
	Now    func() time.Time // the wall clock
	Log    *slog.Logger
}

// Host is the host's side.
type Host struct {
	config Config

	mu    sync.Mutex
	asked map[identity.Fingerprint]attempt
}

// attempt is the result of asking a terminal.
type attempt struct {
	again  time.Time // when it is asked again, independent of the wall clock
	waited bool      // the other host has to renew it
	said   string    // why it was not renewed; not logged again if unchanged
}

// NewHost makes one.
func NewHost(c Config) *Host { return &Host{config: c, asked: map[identity.Fingerprint]attempt{}} }

// Run renews until ctx ends.
func (h *Host) Run(ctx context.Context) error {
	for {
		h.Look(ctx)
		if err := pace.Rest(ctx, pace.Next(lookEvery)); err != nil {
			return err
		}
	}
}

// Look checks all terminals once, and returns when those that are due have been asked.
func (h *Host) Look(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	places := make(chan struct{}, askedAtOnce)
	for _, p := range h.due() {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		asking.Go(func() {
			defer func() { <-places }()
			h.ended(ctx, p, h.renew(ctx, p))
		})
	}
}

// due returns the terminals whose certificates are due, and that were not asked lately.
func (h *Host) due() (list []identity.Peer) {
	now, serving := h.config.Now(), h.config.Sessions.Serving()
	there := map[identity.Fingerprint]bool{}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.config.Wires.Peers() {
		if p.Name.Role != identity.RoleTerminal || there[p.Fingerprint] || now.Before(authority.RenewAfter(p)) || h.config.Register.Withdrawn(p) {
			continue
		}
		there[p.Fingerprint] = true
		if last := h.asked[p.Fingerprint]; !time.Now().Before(last.again) || last.waited && serving {
			list = append(list, p)
		}
	}
	maps.DeleteFunc(h.asked, func(key identity.Fingerprint, _ attempt) bool { return !there[key] })
	return list
}

// errOther says that the certificate is due, but the other host has to renew it.
var errOther = errors.New("the active host renews it")

// renew asks one terminal, and gives it the next certificate if this host issues.
func (h *Host) renew(ctx context.Context, p identity.Peer) error {
	has, chain, err := h.ask(ctx, p, nil)
	if err != nil {
		return err
	}
	now := h.config.Now()
	switch {
	case now.Before(authority.RenewAfter(has)) || h.config.Issuer == nil:
		return nil
	case !h.config.Sessions.Serving():
		return errOther
	}
	if why := h.config.Wires.Doubt(); why != "" {
		return fmt.Errorf("the clock of this host is in doubt: %s", why)
	}
	issuer, err := h.config.Issuer()
	if err != nil {
		return fmt.Errorf("this host can't issue certificates: %w", err)
	}
	if last := chain[len(chain)-1]; last.CheckSignatureFrom(issuer.Root()) != nil && !last.Equal(issuer.Root()) {
		return nil // it comes from another authority, which renews it
	}
	next, err := issuer.Issue(chain[0].PublicKey, p.Name, authority.Life(identity.RoleTerminal), now)
	if err != nil {
		return err
	}
	has, _, err = h.ask(ctx, p, identity.DER(next...))
	if err != nil {
		return err
	}
	h.config.Log.Info("renewed the certificate of a terminal", "terminal", p.Name.ID, "until", has.NotAfter)
	within, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	return h.config.Register.Renewed(within, p.Name.ID, p.Fingerprint, next[0].NotAfter)
}

// ask asks the agent for its certificate, or to accept an offered one, and returns its peer; with the same key as p,
// or an error.
func (h *Host) ask(ctx context.Context, p identity.Peer, offered [][]byte) (identity.Peer, []*x509.Certificate, error) {
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answer, err := h.config.Sessions.Ask(within, p.Name.ID, Offer{Chain: offered})
	switch {
	case err != nil:
		return identity.Peer{}, nil, fmt.Errorf("its agent does not answer: %w", err)
	case answer.Text != "" || answer.Code != "":
		return identity.Peer{}, nil, fmt.Errorf("its agent reports: %w", fault.From([]string{answer.Code}, answer.Text))
	}
	chain, err := identity.ParseDER(answer.Chain)
	if err != nil {
		return identity.Peer{}, nil, fmt.Errorf("its agent sent an unreadable certificate: %w", err)
	}
	if identity.FingerprintOf(chain[0]) != p.Fingerprint {
		return identity.Peer{}, nil, fmt.Errorf("its agent has a certificate with a key other than this session's, %s; it presents it from its next connection on", p.Fingerprint.String()[:16])
	}
	has, err := h.config.Wires.Learn(p.Name.ID, chain)
	if err != nil {
		return identity.Peer{}, nil, fmt.Errorf("its agent sent a certificate that does not belong to this pair: %w", err)
	}
	return has, chain, nil
}

// ended records when the terminal is checked again.
func (h *Host) ended(ctx context.Context, p identity.Peer, err error) {
	if ctx.Err() != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := attempt{again: time.Now().Add(again/2 + rand.N(again/2))}
	switch {
	case errors.Is(err, errOther):
		now.waited, now.again = true, time.Now().Add(soon/2+rand.N(soon/2))
	case err != nil:
		if now.said = err.Error(); now.said != h.asked[p.Fingerprint].said {
			h.config.Log.Warn("could not renew the certificate of a terminal", "terminal", p.Name.ID, "until", p.NotAfter, "error", err)
		}
	}
	h.asked[p.Fingerprint] = now
}
