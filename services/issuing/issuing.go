// Package issuing holds the issuing key of a pair on a host, if the pair is its own authority.
//
// The key is sealed on the disk, and the key file that opens it is elsewhere. It is opened at the start, once a day,
// and on request, so that a lost seal is noticed before the key is needed. A host that can't open it keeps serving:
// connections depend on certificates, not on their issuer. An opened key stays in memory and in use; that its files
// can't be opened any more is an alarm all the same.
//
// The host's own certificate is renewed for the same key when two thirds of its life have passed, in one file that is
// replaced as a whole; its readers (services/wires) reload it. Its key stays, so that what others know of it stays
// valid.
package issuing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// checkEvery is how often a seal that opened is tried, againEvery one that did not; renewEvery how often the
	// host's certificate is checked.
	checkEvery = 24 * time.Hour
	againEvery = time.Minute
	renewEvery = time.Hour
)

// ErrNone says that a host issues no certificates.
var ErrNone = errors.New("this pair is not its own authority (HOTPAIR_AUTHORITY_KEY is not set)")

// Config describes a Holder.
type Config struct {
	Files config.Authority
	TLS   config.TLS
	// Doubt says why the wall clock is in doubt: then nothing is renewed. nil means never.
	Doubt func() string
	Now   func() time.Time // nil: that of the machine
	Log   *slog.Logger
}

// Holder holds the issuing key of a host, or the reason why not.
type Holder struct {
	config Config

	mu      sync.Mutex
	issuer  *authority.Issuer
	fault   error // why it can't be opened now
	renewal error // why the host's certificate can't be renewed
}

// New makes one. Nothing is read before Check or Run.
func New(c Config) *Holder {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Doubt == nil {
		c.Doubt = func() string { return "" }
	}
	return &Holder{config: c}
}

// Configured reports whether the host is to issue certificates.
func (h *Holder) Configured() bool { return h.config.Files.Issues() }

// Issuer returns the key. The error says why there is none.
func (h *Holder) Issuer() (*authority.Issuer, error) {
	if !h.Configured() {
		return nil, ErrNone
	}
	h.mu.Lock()
	issuer := h.issuer
	h.mu.Unlock()
	if issuer != nil {
		return issuer, nil
	}
	return h.Open()
}

// Source returns Issuer, or nil if the host does not issue certificates.
func (h *Holder) Source() func() (*authority.Issuer, error) {
	if !h.Configured() {
		return nil
	}
	return h.Issuer
}

// Check opens the seal now. The error says why that fails: an error of package authority, or about the roots.
func (h *Holder) Check() error {
	_, err := h.Open()
	return err
}

// Open is Check, and returns the key.
func (h *Holder) Open() (*authority.Issuer, error) {
	if !h.Configured() {
		return nil, ErrNone
	}
	issuer, err := h.read()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && (h.fault == nil || h.fault.Error() != err.Error()) {
		h.config.Log.Error("can't open the issuing key; the host keeps serving, and issues certificates only with a key it opened before", "error", err)
	}
	if err == nil && (h.fault != nil || h.issuer == nil) {
		h.config.Log.Info("the issuing key is open", "pair", issuer.Pair())
	}
	if h.fault = err; err == nil {
		h.issuer = issuer
	}
	return issuer, err
}

func (h *Holder) read() (*authority.Issuer, error) {
	seal, err := authority.ReadSeal(h.config.Files.AuthoritySeal)
	if err != nil {
		return nil, err
	}
	issuer, err := authority.Open(h.config.Files.AuthorityKey, seal)
	if err != nil {
		return nil, err
	}
	own, err := h.own()
	if err != nil {
		return nil, err
	}
	if issuer.Pair() != own.Self.Name.Pair { // both pairs may be trusted
		return nil, fmt.Errorf("%w: %s issues for pair %s, and HOTPAIR_TLS_CERT is of pair %s: members would reject its certificates", authority.ErrForeign,
			h.config.Files.AuthorityKey, issuer.Pair(), own.Self.Name.Pair)
	}
	for _, root := range own.Roots {
		if root.Equal(issuer.Root()) {
			return issuer, nil
		}
	}
	return nil, fmt.Errorf("%w: the root of %s is not among those of HOTPAIR_TLS_CA: members would reject its certificates", authority.ErrForeign, h.config.Files.AuthorityKey)
}

// own reads the host's certificate.
func (h *Holder) own() (*identity.Credentials, error) {
	c := h.config.TLS
	files := identity.NewFiles(identity.Paths{Certificate: c.TLSCert, Key: c.TLSKey, Roots: c.TLSCa}, h.config.Now, nil)
	if err := files.Load(); err != nil {
		return nil, err
	}
	return files.Current()
}

// Trouble returns what is wrong, as a sentence; "" for nothing. The second result is why the host's certificate is
// not renewed.
func (h *Holder) Trouble() (unopened, unrenewed string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fault != nil {
		unopened = h.fault.Error()
	}
	if h.renewal != nil {
		unrenewed = h.renewal.Error()
	}
	return unopened, unrenewed
}

// Run opens the seal now and every day, until ctx ends. renew: it also renews the host's certificate, which one
// process of a host does.
func (h *Holder) Run(ctx context.Context, renew bool) error {
	if !h.Configured() {
		<-ctx.Done()
		return ctx.Err()
	}
	for {
		wait := checkEvery
		if h.Check() != nil {
			wait = againEvery
		}
		for next := time.Now().Add(wait); ; {
			if renew {
				h.Renew()
			}
			left := min(time.Until(next), renewEvery)
			if left <= 0 {
				break
			}
			if err := pace.Rest(ctx, left); err != nil {
				return err
			}
		}
	}
}

// Renew renews the host's certificate if it is due. Trouble reports an error; the present certificate stays.
func (h *Holder) Renew() {
	err := h.renew()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && (h.renewal == nil || h.renewal.Error() != err.Error()) {
		h.config.Log.Error("could not renew this host's certificate", "error", err)
	}
	h.renewal = err
}

func (h *Holder) renew() error {
	own, err := h.own()
	if err != nil {
		return err
	}
	now := h.config.Now()
	if now.Before(authority.RenewAfter(own.Self)) && !now.Before(own.Self.NotBefore) { // or was issued by a clock that was ahead
		return nil
	}
	if why := h.config.Doubt(); why != "" {
		return fmt.Errorf("this host's certificate is due for renewal, but its clock is in doubt: %s", why)
	}
	issuer, err := h.Issuer()
	if err != nil {
		return fmt.Errorf("this host's certificate expires on %s: %w", own.Self.NotAfter.UTC().Format(time.DateOnly), err)
	}
	next, err := issuer.Issue(own.Certificate.Leaf.PublicKey, own.Self.Name, authority.Life(own.Self.Name.Role), now)
	if err != nil {
		return err
	}
	if next[0].NotAfter.Before(own.Self.NotAfter.Add(renewEvery)) {
		return fmt.Errorf("this host's certificate and the issuing key expire on %s: have the root sign a new issuing key (hotpair authority rotate)", own.Self.NotAfter.UTC().Format(time.DateOnly))
	}
	if err := durable.Write(h.config.TLS.TLSCert, authority.EncodeCertificates(next...)); err != nil {
		return err
	}
	h.config.Log.Info("renewed this host's certificate", "name", own.Self.Name, "until", next[0].NotAfter)
	return nil
}
