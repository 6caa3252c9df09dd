package updater

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/authority/authoritytest"
	"github.com/hotpair/hotpair/services/enrolment"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// tills are the terminals of a test, as terminal-if has them.
type tills struct {
	mu        sync.Mutex
	serving   bool
	addresses map[string]string
}

func (s *tills) Serving() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.serving }
func (s *tills) Address(id string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.addresses[id]
	return "nats://" + a, ok
}
func (s *tills) Connected(string) bool { return false }

// enrolling is a pair with its own authority, of which a host serves and enrols.
type enrolling struct {
	*host
	tills  *tills
	issuer *authority.Issuer
	asker  *bus.Conn // as terminal-if asks
	later  atomic.Int64
	stop   func()
}

func newEnrolling(t *testing.T, h *host, issuer *authority.Issuer) *enrolling {
	t.Helper()
	e := &enrolling{host: h, issuer: issuer, tills: &tills{serving: true, addresses: map[string]string{}}}
	h.wall = func() time.Time { return time.Now().Add(time.Duration(e.later.Load())) }
	return e
}

// dials has the host enrol until stop.
func (e *enrolling) dials() {
	e.t.Helper()
	if e.asker == nil {
		e.asker = e.connect(bus.ProcessMain)
	}
	var register enrolment.Register
	ctx, cancel := context.WithCancel(context.Background())
	d, err := enrolment.NewDialler(enrolment.DiallerConfig{
		Host: e.name, Register: &register, Sessions: e.tills, Updater: e.asker, Issuer: func() (*authority.Issuer, error) { return e.issuer, nil },
		Login: func(string) string { return "abcdef" }, Now: e.wall, Log: e.log,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	changed := make(chan struct{}, 1)
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx, changed) })
	running.Go(func() {
		for ctx.Err() == nil {
			if register.Read(ctx, e.asker) == nil {
				select {
				case changed <- struct{}{}:
				default:
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	var once sync.Once
	e.stop = func() { once.Do(func() { cancel(); running.Wait() }) }
	e.t.Cleanup(e.stop)
}

// token has a token go out.
func (e *enrolling) token(id string) enrolment.Token {
	e.t.Helper()
	token := enrolment.NewToken("shop", id, e.wall().Add(time.Hour))
	key := token.Key()
	ordered(e.host, enrolment.CallTokens, enrolment.NewTokens{Tokens: []enrolment.NewTokenOf{{ID: id, Key: key[:], Until: token.Until}}})
	return token
}

// agent enrols one at an address of its own, or the one that the terminal has.
func (e *enrolling) agent(token enrolment.Token, dir string, wait time.Duration, say func(string)) (enrolment.Enrolled, error) {
	e.t.Helper()
	e.tills.mu.Lock()
	address := e.tills.addresses[token.Terminal]
	if address == "" {
		address = processtest.Address(e.t)
		e.tills.addresses[token.Terminal] = address
	}
	e.tills.mu.Unlock()
	if say == nil {
		say = func(string) {}
	}
	return enrolment.Enrol(e.t.Context(), enrolment.AgentConfig{Token: token, Listen: address, Data: dir, Wait: wait, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Say: say})
}

func (e *enrolling) member(id string) enrolment.Member {
	e.t.Helper()
	for _, m := range ordered(e.host, enrolment.CallMembers, enrolment.MembersQuestion{}).Members {
		if m.ID == id {
			return m
		}
	}
	return enrolment.Member{}
}

// TestEnrolment_OfATerminal: a token makes an agent a member, with a key that only it has; what is written is what an agent starts
// with. The same token again does nothing there, and gives another machine nothing.
func TestEnrolment_OfATerminal(t *testing.T) {
	a, _ := newHosts(t)
	e := newEnrolling(t, a, authoritytest.Issuer(t, "shop", time.Now()))
	a.start()
	a.lead(1, false)
	e.dials()
	token := e.token("till-7")
	dir := filepath.Join(t.TempDir(), "till-7")
	got, err := e.agent(token, dir, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != "a" || got.Terminal != "till-7" || got.Pair != "shop" || time.Until(got.NotAfter) < 89*24*time.Hour {
		t.Errorf("%+v", got)
	}
	processtest.Await(t, "the pair knows that it has it", func() bool { m := e.member("till-7"); return m.Key == got.Fingerprint && !m.Waits() })
	settings, err := os.ReadFile(got.Settings)
	if err != nil || !strings.Contains(string(settings), "HOTPAIR_TERMINAL_KEY=abcdef\n") {
		t.Errorf("%s, %v", settings, err)
	}
	paths := map[string]string{}
	for line := range strings.Lines(string(settings)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		paths[name] = value
	}
	files := identity.NewFiles(identity.Paths{Certificate: paths["HOTPAIR_TLS_CERT"], Key: paths["HOTPAIR_TLS_KEY"], Roots: paths["HOTPAIR_TLS_CA"]}, nil, nil)
	if err := files.Load(); err != nil || files.State().Name != "spiffe://shop/terminal/till-7" {
		t.Errorf("%v, %+v", err, files.State())
	}
	if again, err := e.agent(token, dir, time.Minute, nil); err != nil || !again.Already || again.Fingerprint != got.Fingerprint {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if _, err := e.agent(token, filepath.Join(t.TempDir(), "thief"), 300*time.Millisecond, nil); !errors.Is(err, enrolment.ErrNobody) {
		t.Errorf("another machine with a token that was used: %v", err)
	}
}

// TestEnrolment_TheTokenIsBoundToOneKey: who comes first has it. Another key is refused at once, told why, and noted.
func TestEnrolment_TheTokenIsBoundToOneKey(t *testing.T) {
	a, _ := newHosts(t)
	e := newEnrolling(t, a, authoritytest.Issuer(t, "shop", time.Now()))
	a.start()
	a.lead(1, false)
	token := e.token("till-7")
	key := token.Key()
	// An agent's certificate was issued, and never arrived there.
	first := ordered(a, enrolment.CallBind, enrolment.Bind{ID: "till-7", TokenKey: key[:], Key: identity.Fingerprint{1}, Chain: [][]byte{{1}}, NotAfter: time.Now()})
	again := ordered(a, enrolment.CallBind, enrolment.Bind{ID: "till-7", TokenKey: key[:], Key: identity.Fingerprint{1}, Chain: [][]byte{{2}}, NotAfter: time.Now()})
	if string(first.Chain[0]) != "\x01" || string(again.Chain[0]) != "\x01" {
		t.Errorf("the same key asked again has %v, then %v", first, again)
	}
	e.dials()
	if _, err := e.agent(token, filepath.Join(t.TempDir(), "other"), time.Minute, nil); !errors.Is(err, enrolment.ErrUsed) || !strings.Contains(err.Error(), "0100000000000000") {
		t.Errorf("another key: %v", err)
	}
	if m := e.member("till-7"); m.Misused.IsZero() || m.Key != (identity.Fingerprint{1}) {
		t.Errorf("%+v", m)
	}
	// Another token lets that machine in, and the key before is worth nothing from then on.
	got, err := e.agent(e.token("till-7"), filepath.Join(t.TempDir(), "third"), time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	var register enrolment.Register
	if err := register.Read(t.Context(), a.main); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[identity.Fingerprint]bool{{1}: true, got.Fingerprint: false} {
		if register.Withdrawn(identity.Peer{Name: identity.Terminal("shop", "till-7"), Fingerprint: key}) != want {
			t.Errorf("key %s withdrawn: %v", enrolment.Short(key), !want)
		}
	}
	if m := e.member("till-7"); !m.Misused.IsZero() {
		t.Errorf("still misused: %+v", m)
	}
}

// TestEnrolment_RefusesAndSaysWhy: a token that has expired, that another one has replaced, that is of another pair, that was mistyped.
func TestEnrolment_RefusesAndSaysWhy(t *testing.T) {
	a, _ := newHosts(t)
	e := newEnrolling(t, a, authoritytest.Issuer(t, "shop", time.Now()))
	a.start()
	a.lead(1, false)
	e.dials()
	old := e.token("till-1")
	e.later.Store(int64(2 * time.Hour))
	if _, err := e.agent(old, filepath.Join(t.TempDir(), "a"), time.Minute, nil); !errors.Is(err, enrolment.ErrExpired) || !strings.Contains(err.Error(), "this host's clock shows") {
		t.Errorf("expired: %v", err)
	}
	replaced := e.token("till-2")
	e.token("till-2")
	if _, err := e.agent(replaced, filepath.Join(t.TempDir(), "b"), 4*time.Second, nil); !errors.Is(err, enrolment.ErrNobody) || !errors.Is(err, enrolment.ErrStranger) || !strings.Contains(err.Error(), "another one made since") {
		t.Errorf("replaced: %v", err)
	}
	e.token("till-3")
	if _, err := e.agent(enrolment.NewToken("bank", "till-3", time.Now().Add(time.Hour)), filepath.Join(t.TempDir(), "c"), 4*time.Second, nil); !errors.Is(err, enrolment.ErrStranger) || !strings.Contains(err.Error(), "the token is from pair bank") {
		t.Errorf("of another pair: %v", err)
	}
	if m := e.member("till-3"); !m.Key.IsZero() || !m.Waits() {
		t.Errorf("it was used: %+v", m)
	}
	text := old.Text()
	for _, wrong := range []string{"", "till-7", text[:len(text)-1], strings.Replace(text, "till-1", "till-2", 1), text + ".x"} {
		if _, err := enrolment.ParseToken(wrong); !errors.Is(err, enrolment.ErrToken) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if back, err := enrolment.ParseToken(" " + text + "\n"); err != nil || back.Key() != old.Key() || !back.Until.Equal(old.Until) {
		t.Errorf("%v, %v", back, err)
	}
}

// TestEnrolment_GoesOnAtTheOtherHost: what is under way when the host that serves dies is ended by the next one, with the same
// certificate for the same key.
func TestEnrolment_GoesOnAtTheOtherHost(t *testing.T) {
	a, b := newHosts(t)
	issuer := authoritytest.Issuer(t, "shop", time.Now())
	e, f := newEnrolling(t, a, issuer), newEnrolling(t, b, issuer)
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	token := e.token("till-7")
	// The pair binds the token to the agent's key, and the host dies before the agent hears of it.
	dir := filepath.Join(t.TempDir(), "till-7")
	cut, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	address := processtest.Address(t)
	if _, err := enrolment.Enrol(cut, enrolment.AgentConfig{Token: token, Listen: address, Data: dir, Now: time.Now, Log: a.log, Say: func(string) {}}); err == nil {
		t.Fatal("enrolled by nobody")
	}
	f.tills.addresses["till-7"] = address
	names, err := filepath.Glob(filepath.Join(dir, "identity-*", "key.pem"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	text, err := identity.ReadPrivate(names[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := issuer.Issue(key.Public(), identity.Terminal("shop", "till-7"), 90*24*time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	proof := token.Key()
	ordered(a, enrolment.CallBind, enrolment.Bind{ID: "till-7", TokenKey: proof[:], Key: identity.FingerprintOf(chain[0]), NotAfter: chain[0].NotAfter,
		Chain: [][]byte{chain[0].Raw, chain[1].Raw}})
	a.stop()
	b.lead(2, false)
	f.dials()
	got, err := f.agent(token, dir, time.Minute, nil)
	if err != nil || got.Host != "b" || got.Fingerprint != identity.FingerprintOf(chain[0]) {
		t.Fatalf("%+v, %v", got, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "identity-*", "cert.pem"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if raw, err := os.ReadFile(files[0]); err != nil || string(raw) != string(authority.EncodeCertificates(chain...)) {
		t.Errorf("another certificate: %v", err)
	}
}

// TestMembers_Withdrawal: it is replicated, it ends the token that is out, and a new token that is used ends it.
func TestMembers_Withdrawal(t *testing.T) {
	a, b := newHosts(t)
	e, f := newEnrolling(t, a, authoritytest.Issuer(t, "shop", time.Now())), &enrolling{host: b}
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	token := e.token("till-7")
	if err := refused(a, enrolment.CallWithdraw, enrolment.Withdraw{IDs: []string{"till-7"}, Reason: strings.Repeat("x", enrolment.MaxReason+1)}); !errors.Is(err, bus.ErrRefused) {
		t.Error(err)
	}
	if err := refused(a, enrolment.CallWithdraw, enrolment.Withdraw{IDs: []string{"till-7", "till-8", "till-7"}}); !errors.Is(err, bus.ErrRefused) || e.member("till-7").Withdrawn != (time.Time{}) {
		t.Errorf("one that is named twice: %v", err)
	}
	ordered(a, enrolment.CallWithdraw, enrolment.Withdraw{IDs: []string{"till-7", "till-8"}, Reason: "stolen"})
	at := a.put(1, "x", "1").Position
	a.put(1, "x", "2")
	b.await("b has it", func(s bus.UpdaterState) bool { return s.Committed.Sequence >= at.Sequence })
	for _, h := range []*enrolling{e, f} {
		for _, id := range []string{"till-7", "till-8"} {
			if m := h.member(id); m.Withdrawn.IsZero() || m.Reason != "stolen" || m.Waits() {
				t.Errorf("at %s: %+v", h.name, m)
			}
		}
	}
	key := token.Key()
	if err := refused(a, enrolment.CallBind, enrolment.Bind{ID: "till-7", TokenKey: key[:], Key: identity.Fingerprint{1}, Chain: [][]byte{{1}}}); !errors.Is(err, enrolment.ErrVoid) {
		t.Errorf("a token that was out: %v", err)
	}
	if err := refused(b, enrolment.CallWithdraw, enrolment.Withdraw{IDs: []string{"till-9"}}); !strings.Contains(err.Error(), "does not serve") {
		t.Errorf("at the standby: %v", err)
	}
	next := e.token("till-7")
	if m := e.member("till-7"); m.Withdrawn.IsZero() {
		t.Error("a token that nobody has used ends a withdrawal")
	}
	key = next.Key()
	ordered(a, enrolment.CallBind, enrolment.Bind{ID: "till-7", TokenKey: key[:], Key: identity.Fingerprint{2}, Chain: [][]byte{{1}}})
	if m := e.member("till-7"); !m.Withdrawn.IsZero() || m.Key != (identity.Fingerprint{2}) {
		t.Errorf("%+v", m)
	}
}

// TestMembers_NoTokenOutlivesALoss: a pair that was restored, or forced where its record was lost, does not know whether a token was used or taken
// back in what it lost. It is worth nothing then, while what was withdrawn stays so. Over an ordinary takeover tokens hold.
func TestMembers_NoTokenOutlivesALoss(t *testing.T) {
	a, _ := newHosts(t)
	e := newEnrolling(t, a, authoritytest.Issuer(t, "shop", time.Now()))
	a.start()
	a.lead(1, false)
	ordered(a, enrolment.CallWithdraw, enrolment.Withdraw{IDs: []string{"till-8"}, Reason: "stolen"})
	token := e.token("till-7")
	again := func(epoch uint64) {
		t.Helper()
		a.stop()
		a.start()
		a.lead(epoch, false)
		at := a.put(epoch, "x", "1").Position
		a.await("it is applied", func(s bus.UpdaterState) bool { return s.Committed.Sequence >= at.Sequence })
	}
	again(2)
	if !e.member("till-7").Waits() {
		t.Fatal("a takeover has ended it")
	}
	again(2 + membership.LostStride)
	if m := e.member("till-7"); m.Waits() {
		t.Errorf("it is out still: %+v", m)
	}
	key := token.Key()
	bind := enrolment.Bind{ID: "till-7", TokenKey: key[:], Key: identity.Fingerprint{1}, Chain: [][]byte{{1}}}
	if err := refused(a, enrolment.CallBind, bind); !errors.Is(err, enrolment.ErrVoid) || !strings.Contains(err.Error(), "restored") {
		t.Errorf("it is used: %v", err)
	}
	if m := e.member("till-8"); m.Withdrawn.IsZero() {
		t.Errorf("what was withdrawn is back: %+v", m)
	}
	token = e.token("till-7")
	key = token.Key()
	bind.TokenKey = key[:]
	ordered(a, enrolment.CallBind, bind)
	if m := e.member("till-7"); m.Key != bind.Key {
		t.Errorf("a new token: %+v", m)
	}
}
