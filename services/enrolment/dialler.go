package enrolment

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
)

const (
	// dialsAtOnce bounds how many terminals are enrolled at a time, dialWithin the dial of one.
	dialsAtOnce = 16
	dialWithin  = 3 * time.Second
	// againFirst and againLast bound the pause before a terminal is dialled again; againOld is that of one whose token has expired, which is
	// dialled for tellFor only so that its agent says so.
	againFirst = time.Second
	againLast  = 15 * time.Second
	againOld   = 20 * time.Second
	tellFor    = 24 * time.Hour
	lookEvery  = 500 * time.Millisecond
)

// Sessions are the terminals as the host has them.
type Sessions interface {
	// Serving reports whether this host serves: it is the one that dials.
	Serving() bool
	// Address is where a terminal is, as nats://host:port; false when it is none of the pair's.
	Address(id string) (string, bool)
	// Connected reports whether the terminal has come in with its certificate.
	Connected(id string) bool
}

// DiallerConfig describes a Dialler.
type DiallerConfig struct {
	Host     string
	Network  bus.Network // of the terminals; nil is TCP
	Register *Register
	Sessions Sessions
	Updater  bus.Asker
	// Issuer gives the key that issues certificates; its error says why there is none.
	Issuer func() (*authority.Issuer, error)
	// Login gives what a host logs in at an agent with.
	Login func(id string) string
	Now   func() time.Time // the wall clock
	Log   *slog.Logger
}

// Dialler enrols the terminals that wait for it, as long as its host serves. A host that does not serve stays silent, so that there is one who
// issues. It has no part in the service of terminals: those that wait are dialled a few at a time, each with a pause that grows.
type Dialler struct {
	config DiallerConfig
	nobody *identity.Memory

	mu       sync.Mutex
	attempts map[string]*attempt
}

// attempt is what is known of one that waits.
type attempt struct {
	asking bool
	next   time.Time
	pause  time.Duration
	said   string
}

// NewDialler makes one.
func NewDialler(c DiallerConfig) (*Dialler, error) {
	nobody, err := identity.Anonymous()
	if err != nil {
		return nil, err
	}
	return &Dialler{config: c, nobody: identity.NewMemory(nobody), attempts: map[string]*attempt{}}, nil
}

// Run enrols until ctx ends. changed wakes it when the register has changed, or when the host has begun to serve.
func (d *Dialler) Run(ctx context.Context, changed <-chan struct{}) error {
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, dialsAtOnce)
	for {
		waiting := d.due(ctx, &running, places)
		var tick <-chan time.Time
		if waiting {
			tick = time.After(lookEvery)
		}
		select {
		case <-changed:
		case <-tick:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// due begins with those whose time has come, and reports whether any waits.
func (d *Dialler) due(ctx context.Context, running *sync.WaitGroup, places chan struct{}) (waiting bool) {
	if !d.config.Sessions.Serving() {
		return false
	}
	now := d.config.Now()
	all := d.config.Register.All()
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.attempts, func(id string, a *attempt) bool { return !a.asking && !all[id].Waits() })
	for _, m := range all {
		old := now.After(m.Until)
		if !m.Waits() || old && now.After(m.Until.Add(tellFor)) {
			continue
		}
		address, there := d.config.Sessions.Address(m.ID)
		if !there {
			continue
		}
		waiting = true
		a := d.attempts[m.ID]
		if a == nil {
			a = &attempt{pause: againFirst}
			d.attempts[m.ID] = a
		}
		if a.asking || time.Now().Before(a.next) {
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			return true
		}
		a.asking = true
		running.Go(func() {
			err := d.enrol(ctx, m, address)
			<-places
			d.ended(m, a, err, old)
		})
	}
	return waiting
}

// ended notes how an attempt ended. What is the same as the last time is not told again.
func (d *Dialler) ended(m Member, a *attempt, err error, old bool) {
	log := d.config.Log.With("terminal", m.ID)
	d.mu.Lock()
	defer d.mu.Unlock()
	a.asking, a.next = false, time.Now().Add(a.pause/2+rand.N(a.pause))
	a.pause = min(2*a.pause, againLast)
	if old {
		a.next = time.Now().Add(againOld)
	}
	var dialled *door.Fault
	switch {
	case err == nil:
		log.Info("terminal enrolled")
	case errors.Is(err, context.Canceled):
	case errors.As(err, &dialled):
		if a.said == "" {
			log.Info("a terminal waits to be enrolled, and its agent is not there yet: hotpair terminal enrol", "error", err)
			a.said = "absent"
		}
	case a.said != err.Error():
		log.Warn("a terminal was not enrolled", "error", err)
		a.said = err.Error()
	}
}

// enrol dials one terminal, and enrols it if its agent waits there.
func (d *Dialler) enrol(ctx context.Context, m Member, address string) error {
	c := d.config
	if m.Pending && c.Sessions.Connected(m.ID) { // it has its certificate, and did not get round to say so
		return d.have(ctx, m.ID, m.Key, m.NotAfter)
	}
	issuer, err := c.Issuer()
	if err != nil {
		return fmt.Errorf("no certificate can be issued here: %w", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := door.Dial(within, bus.OrTCP(c.Network), u.Host, door.Offer{Protocol: Protocol, Source: d.nobody, Policy: identity.Policy{Unproved: true}})
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(exchangeWithin)); err != nil {
		return err
	}
	var leaf *x509.Certificate
	h := hostSide{pair: issuer.Pair(), host: c.Host, terminal: m.ID, key: TokenKey(m.TokenKey), now: c.Now(), login: c.Login(m.ID)}
	h.issue = func(request []byte) (chain, roots [][]byte, err error) {
		issued, err := issuer.IssueRequest(request, identity.Terminal(issuer.Pair(), m.ID), authority.Life(identity.RoleTerminal), c.Now())
		if err != nil {
			return nil, nil, err
		}
		bind := Bind{ID: m.ID, TokenKey: m.TokenKey, Key: identity.FingerprintOf(issued[0]), NotAfter: issued[0].NotAfter, Chain: identity.DER(issued...)}
		bound, err := CallBind.Ask(ctx, c.Updater, bind)
		if err != nil {
			return nil, nil, err
		}
		if len(bound.Chain) == 0 {
			return nil, nil, errors.New("the updater gives no certificate")
		}
		if leaf, err = x509.ParseCertificate(bound.Chain[0]); err != nil {
			return nil, nil, err
		}
		return bound.Chain, identity.DER(issuer.Root()), nil
	}
	if err := h.enrol(conn); err != nil {
		return err
	}
	return d.have(ctx, m.ID, identity.FingerprintOf(leaf), leaf.NotAfter)
}

func (d *Dialler) have(ctx context.Context, id string, key identity.Fingerprint, until time.Time) error {
	_, err := CallHave.Ask(ctx, d.config.Updater, Have{ID: id, Key: key, NotAfter: until})
	return err
}
