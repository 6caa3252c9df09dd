package enrolment

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/identity"
)

// Files in the data directory of an agent that enrols.
const (
	// SettingsFile contains the settings from the enrolment, as NAME=value lines: the agent starts with them.
	SettingsFile = "enrolled.env"
	progressFile = "enrolment.json"
	directory    = "identity-"
	certFile     = "cert.pem"
	keyFile      = "key.pem"
	rootsFile    = "ca.pem"
)

// ErrNobody: no host enrolled this terminal in time.
var ErrNobody = fault.New("enrolment-nobody", "this terminal was not enrolled")

// AgentConfig describes an agent that enrols.
type AgentConfig struct {
	Token   Token
	Listen  string // where hosts dial
	Data    string // directory of the agent
	Network bus.Network
	Wait    time.Duration // how long to wait for a host; 0 for no limit
	Now     func() time.Time
	Log     *slog.Logger
	// Say reports the progress to a person.
	Say func(text string)
}

// Enrolled is the result.
type Enrolled struct {
	Terminal    string               `json:"terminal"`
	Pair        string               `json:"pair"`
	Host        string               `json:"host,omitempty"` // that enrolled it
	Fingerprint identity.Fingerprint `json:"key"`
	NotAfter    time.Time            `json:"not_after"`
	Settings    string               `json:"settings"`          // file with the settings for the agent
	Already     bool                 `json:"already,omitempty"` // nothing was done: this token was used here before
	Ahead       time.Duration        `json:"-"`                 // of the host's clock
}

// progress is the state on disk while an agent enrols, so that a killed one continues with the same key. It is a disk
// format.
type progress struct {
	Token     string `json:"token"` // only identifies the token
	Directory string `json:"directory"`
	Done      bool   `json:"done,omitempty"`
}

// Enrol enrols an agent: it makes a key, listens, and returns when the active host has given it its certificate. If
// it is killed, calling it again with the same token continues. Errors: ErrNobody, ErrExpired, ErrUsed, ErrVoid,
// those of the disk and of the address.
func Enrol(ctx context.Context, c AgentConfig) (Enrolled, error) {
	done := Enrolled{Terminal: c.Token.Terminal, Pair: c.Token.Pair, Settings: filepath.Join(c.Data, SettingsFile)}
	if err := durable.MakeDir(c.Data); err != nil {
		return done, err
	}
	p, key, err := c.begin()
	if err != nil {
		return done, err
	}
	dir := filepath.Join(c.Data, p.Directory)
	if p.Done {
		done.Already = true
		return done, describe(dir, &done)
	}
	asked, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return done, err
	}
	var taking sync.Mutex
	a := agentPart{token: c.Token, request: asked, take: func(g grant) error {
		taking.Lock()
		defer taking.Unlock()
		return c.take(g, key, p)
	},
		heard: func(o offer) { c.Log.Debug("a host dialled", "host", o.Host, "pair", o.Pair) }}
	got, err := c.await(ctx, a)
	if err != nil {
		return done, err
	}
	done.Host, done.Ahead = got.Host, got.Ahead
	return done, describe(dir, &done)
}

// begin reads the progress of this token, or starts over: with a key that is on the disk before it is used.
func (c AgentConfig) begin() (p progress, key crypto.Signer, err error) {
	path := filepath.Join(c.Data, progressFile)
	sum := sha256.Sum256([]byte("hotpair which token " + c.Token.Text()))
	mark := hex.EncodeToString(sum[:8])
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, &p); err == nil && p.Token == mark && filepath.IsLocal(p.Directory) {
			text, err := identity.ReadPrivate(filepath.Join(c.Data, p.Directory, keyFile))
			if err == nil {
				key, err = identity.ParseKey(text)
			}
			if err == nil {
				return p, key, nil
			}
			return p, nil, fmt.Errorf("the key that this agent made for this token is unreadable: %w; remove %s and get another token: hotpair terminals token %s", err, path, c.Token.Terminal)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return p, nil, err
	}
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, nil, err
	}
	p = progress{Token: mark, Directory: directory + mark}
	text, err := authority.EncodeKey(fresh)
	if err == nil {
		err = durable.MakeDir(filepath.Join(c.Data, p.Directory))
	}
	if err == nil {
		err = durable.Write(filepath.Join(c.Data, p.Directory, keyFile), text)
	}
	if err == nil {
		err = c.note(p)
	}
	return p, fresh, err
}

func (c AgentConfig) note(p progress) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return durable.Write(filepath.Join(c.Data, progressFile), raw)
}

// take writes what was granted, after checking that this agent requested it. The settings are written last.
func (c AgentConfig) take(g grant, key crypto.Signer, p progress) error {
	chain, err1 := identity.ParseDER(g.Chain)
	roots, err2 := identity.ParseDER(g.Roots)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("the host sent an invalid certificate: %w", err)
	}
	own, err := identity.NewCredentials(chain, key, roots)
	if err != nil {
		return err
	}
	if name := identity.Terminal(c.Token.Pair, c.Token.Terminal); own.Self.Name != name {
		return fmt.Errorf("%w: the certificate is for %s, but this is %s", identity.ErrWrongName, own.Self.Name, name)
	}
	dir := filepath.Join(c.Data, p.Directory)
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("# What this terminal was given when it enrolled. It holds a secret.\nHOTPAIR_TERMINAL_ID=%s\nHOTPAIR_TERMINAL_KEY=%s\nHOTPAIR_TLS_CERT=%s\nHOTPAIR_TLS_KEY=%s\nHOTPAIR_TLS_CA=%s\n",
		c.Token.Terminal, plain(g.Login), filepath.Join(absolute, certFile), filepath.Join(absolute, keyFile), filepath.Join(absolute, rootsFile))
	for _, f := range []struct {
		path    string
		content []byte
	}{
		{filepath.Join(dir, rootsFile), authority.EncodeCertificates(roots...)},
		{filepath.Join(dir, certFile), authority.EncodeCertificates(chain...)},
		{filepath.Join(c.Data, SettingsFile), []byte(settings)},
	} {
		if err := durable.Write(f.path, f.content); err != nil {
			return err
		}
	}
	p.Done = true
	return c.note(p)
}

// plain removes what a setting's value may not contain: an authenticated host sends it, and it becomes a line of a
// file.
func plain(text string) string {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) > 64 {
		return ""
	}
	return text
}

// describe reads an agent's files.
func describe(dir string, done *Enrolled) error {
	files := identity.NewFiles(identity.Paths{Certificate: filepath.Join(dir, certFile), Key: filepath.Join(dir, keyFile), Roots: filepath.Join(dir, rootsFile)}, nil, nil)
	if err := files.Load(); err != nil {
		return err
	}
	own, err := files.Current()
	if err != nil {
		return err
	}
	done.Fingerprint, done.NotAfter = own.Self.Fingerprint, own.Self.NotAfter
	return nil
}

// hintAfter is when a waiting person gets a hint why no host may have connected.
const hintAfter = 30 * time.Second

// await listens until a host has enrolled this agent.
func (c AgentConfig) await(ctx context.Context, a agentPart) (Granted, error) {
	nobody, err := identity.Anonymous()
	if err != nil {
		return Granted{}, err
	}
	listener, err := bus.OrTCP(c.Network).Listen(ctx, c.Listen)
	if err != nil {
		return Granted{}, fmt.Errorf("HOTPAIR_TERMINAL_LISTEN: %w: is the agent of this terminal running? stop it while it enrols", err)
	}
	d := door.Open(listener, door.Config{Name: string(Protocol), Logger: c.Log,
		Offers: []door.Offer{{Protocol: Protocol, Source: identity.NewMemory(nobody), Policy: identity.Policy{Unproved: true}}}})
	defer d.Close()
	c.Say(fmt.Sprintf("listening at %s as terminal %s; waiting for the active host of pair %s to connect", d.Addr(), a.token.Terminal, a.token.Pair))
	if now := c.Now(); now.After(a.token.Until) {
		c.Say(fmt.Sprintf("according to the clock of this machine the token expired on %s UTC; the host decides", a.token.Until.Format(time.DateTime)))
	}
	whole := ctx
	ctx, cancel := context.WithCancel(ctx)
	if c.Wait > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.Wait)
	}
	// Concurrently: otherwise a silent connection would keep the host waiting.
	places, results := make(chan struct{}, speakAtOnce), make(chan outcome, 2*speakAtOnce)
	var speaking sync.WaitGroup
	defer speaking.Wait()
	defer cancel()
	conns := make(chan net.Conn)
	go func() {
		defer close(conns)
		for {
			conn, err := d.Listener(Protocol).Accept()
			if err != nil {
				return
			}
			select {
			case conns <- conn:
			case <-ctx.Done():
				_ = conn.Close()
				return
			}
		}
	}()
	hint := time.NewTimer(hintAfter)
	defer hint.Stop()
	last := errors.New("no host has connected")
	for {
		select {
		case conn, open := <-conns:
			if !open {
				if ctx.Err() != nil {
					continue
				}
				return Granted{}, fmt.Errorf("%w: the listener was closed", ErrNobody)
			}
			select {
			case places <- struct{}{}:
			default:
				_ = conn.Close() // it will retry
				continue
			}
			speaking.Go(func() {
				defer func() { <-places }()
				var r outcome
				r.got, r.final, r.err = c.one(ctx, a, conn)
				results <- r
			})
		case r := <-results:
			hint.Stop()
			if r.err == nil || r.final {
				return r.got, r.err
			}
			if r.err.Error() != last.Error() {
				c.Say("not enrolled yet: " + r.err.Error())
			}
			last = r.err
		case <-hint.C:
			c.Say(unheard(a.token, d.Stats()))
		case <-ctx.Done():
			if whole.Err() != nil {
				return Granted{}, context.Cause(whole)
			}
			return Granted{}, fmt.Errorf("%w within %v: %w", ErrNobody, c.Wait, last)
		}
	}
}

// speakAtOnce bounds an agent's concurrent conversations.
const speakAtOnce = 8

// outcome is that of one conversation.
type outcome struct {
	got   Granted
	final bool
	err   error
}

// one speaks with a host that has connected.
func (c AgentConfig) one(ctx context.Context, a agentPart, conn net.Conn) (Granted, bool, error) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(exchangeWithin)); err != nil {
		return Granted{}, false, err
	}
	return a.enrol(conn.(*door.Conn), c.Now)
}

// unheard says why no host may have connected.
func unheard(t Token, s door.Stats) string {
	if s.Came > 0 {
		return "connections arrive, but none to enrol this terminal: the hosts serve it already, or have no token for it: hotpair terminals token " + t.Terminal
	}
	return "no connection so far. On a host: does hotpair status show an active host? does hotpair terminals list show " + t.Terminal +
		" with an address of this machine? In between: does a firewall block this port?"
}
