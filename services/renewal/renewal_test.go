package renewal

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/authority/authoritytest"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

const day = 24 * time.Hour

// shop is a pair with one terminal and one host, which speak without a network.
type shop struct {
	t      *testing.T
	issuer *authority.Issuer
	paths  identity.Paths
	agent  *Agent
	host   *Host

	now       time.Time
	serving   bool
	doubt     string
	withdrawn bool
	session   identity.Peer // as the connection began
	lie       func(*Answer)
	asked     []Offer
	noted     []time.Time
	learned   []identity.Peer
	mu        sync.Mutex
}

// newShop has the terminal's certificate begin some time ago.
func newShop(t *testing.T, ago time.Duration) *shop {
	t.Helper()
	s := &shop{t: t, now: time.Now(), serving: true}
	s.issuer = authoritytest.Issuer(t, "shop", s.now.Add(-200*day))
	name := identity.Terminal("shop", "till-7")
	var err error
	s.paths, err = s.issuer.Equip(t.TempDir(), name, authority.Life(name.Role), s.now.Add(-ago))
	s.must(err)
	s.agent = NewAgent(s.paths, slog.New(slog.DiscardHandler))
	s.session = s.own().Self
	s.host = NewHost(Config{Wires: s, Sessions: s, Register: s, Issuer: func() (*authority.Issuer, error) { return s.issuer, nil },
		Now: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler)})
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// own is what a connection would show now.
func (s *shop) own() *identity.Credentials {
	s.t.Helper()
	own, err := s.agent.own()
	s.must(err)
	return own
}

func (s *shop) Peers() []identity.Peer {
	return []identity.Peer{s.session, {Name: identity.Host("shop", "b"), NotAfter: s.now.Add(-day)}}
}

func (s *shop) Learn(id string, chain []*x509.Certificate) (identity.Peer, error) {
	p, err := identity.Policy{Expect: identity.Exactly(identity.Terminal("shop", id))}.Judge(chain, s.own().Roots, identity.Listening)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.learned = append(s.learned, p)
	}
	return p, err
}

func (s *shop) Doubt() string                  { return s.doubt }
func (s *shop) Serving() bool                  { return s.serving }
func (s *shop) Withdrawn(identity.Peer) bool   { return s.withdrawn }
func (s *shop) certificate() *x509.Certificate { return s.own().Certificate.Leaf }

func (s *shop) Ask(_ context.Context, _ string, o Offer) (a Answer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, o)
	said, err := json.Marshal(o)
	s.must(err)
	var heard Offer
	s.must(json.Unmarshal(said, &heard))
	a = s.agent.Answer(heard)
	if s.lie != nil {
		s.lie(&a)
	}
	said, err = json.Marshal(a)
	s.must(err)
	a = Answer{}
	return a, json.Unmarshal(said, &a)
}

func (s *shop) Renewed(_ context.Context, id string, key identity.Fingerprint, until time.Time) error {
	if id != "till-7" || key != s.session.Fingerprint {
		s.t.Errorf("renewed: %s, key %s", id, key)
	}
	s.noted = append(s.noted, until)
	return nil
}

// TestHost_RenewsOverTheSession: two thirds of 90 days have passed. The terminal has another certificate for its key then, in its file; it is
// not asked again for the one that its session began with.
func TestHost_RenewsOverTheSession(t *testing.T) {
	s := newShop(t, 61*day)
	before := s.certificate()
	s.host.Look(t.Context())
	after := s.certificate()
	if left := after.NotAfter.Sub(s.now); left < 89*day || left > 91*day || identity.FingerprintOf(after) != identity.FingerprintOf(before) {
		t.Errorf("it holds for %v, with key %s, before %s", left, identity.FingerprintOf(after), identity.FingerprintOf(before))
	}
	if len(s.noted) != 1 || !s.noted[0].Equal(after.NotAfter) {
		t.Errorf("the register was told %v", s.noted)
	}
	if last := s.learned[len(s.learned)-1]; !last.NotAfter.Equal(after.NotAfter) {
		t.Errorf("the wires were told of %+v", last)
	}
	asked := len(s.asked)
	s.host.Look(t.Context())
	if len(s.asked) != asked {
		t.Error("asked again at once")
	}
	// A host that takes over asks what is there, and issues nothing.
	s.host = NewHost(s.host.config)
	s.host.Look(t.Context())
	if got := s.certificate(); len(s.asked) != asked+1 || len(s.asked[asked].Chain) > 0 || !got.Equal(after) {
		t.Errorf("%d questions, certificate until %s", len(s.asked)-asked, got.NotAfter)
	}
}

// TestHost_BeginsToServe: a host that waited for the other one to renew does it itself once it serves.
func TestHost_BeginsToServe(t *testing.T) {
	s := newShop(t, 61*day)
	before := s.certificate()
	s.serving = false
	s.host.Look(t.Context())
	s.serving = true
	s.host.Look(t.Context())
	if s.certificate().Equal(before) {
		t.Errorf("not renewed, asked %d times", len(s.asked))
	}
}

// TestHost_IssuesNothing where it is not its part, or not sure.
func TestHost_IssuesNothing(t *testing.T) {
	for what, c := range map[string]struct {
		ago    time.Duration
		change func(*shop)
		asked  int // how often
	}{
		"fresh":                  {59 * day, func(*shop) {}, 0},
		"withdrawn":              {61 * day, func(s *shop) { s.withdrawn = true }, 0},
		"at a host in waiting":   {61 * day, func(s *shop) { s.serving = false }, 1},
		"with a clock in doubt":  {61 * day, func(s *shop) { s.doubt = "it jumped" }, 1},
		"without an issuing key": {61 * day, func(s *shop) { s.host.config.Issuer = nil }, 1},
		"with one that can't open": {61 * day, func(s *shop) {
			s.host.config.Issuer = func() (*authority.Issuer, error) { return nil, authority.ErrNone }
		}, 1},
		"for another authority's":    {61 * day, func(s *shop) { s.issuer = authoritytest.Issuer(t, "shop", time.Now()) }, 1},
		"for what is shown unsigned": {61 * day, func(s *shop) { s.lie = func(a *Answer) { a.Chain = a.Chain[:1] } }, 1},
		"for another key": {61 * day, func(s *shop) {
			s.lie = func(a *Answer) {
				other, err := s.issuer.Issue(identitytest.Key(t).Public(), s.session.Name, day, s.now)
				s.must(err)
				a.Chain = [][]byte{other[0].Raw, other[1].Raw}
			}
		}, 1},
		"for rubbish":  {61 * day, func(s *shop) { s.lie = func(a *Answer) { a.Chain = [][]byte{{1, 2, 3}} } }, 1},
		"for too much": {61 * day, func(s *shop) { s.lie = func(a *Answer) { a.Chain = make([][]byte, 1000) } }, 1},
		"for nothing":  {61 * day, func(s *shop) { s.lie = func(a *Answer) { *a = Answer{} } }, 1},
	} {
		t.Run(what, func(t *testing.T) {
			s := newShop(t, c.ago)
			c.change(s)
			before := s.certificate()
			s.host.Look(t.Context())
			s.host.Look(t.Context())
			if len(s.asked) != c.asked || slices.ContainsFunc(s.asked, func(o Offer) bool { return len(o.Chain) > 0 }) || len(s.noted) > 0 || !s.certificate().Equal(before) {
				t.Errorf("asked %d times, noted %v", len(s.asked), s.noted)
			}
		})
	}
}

// TestAgent_TakesOnlyWhatIsItsOwn: whatever a host offers, a terminal never has less than before.
func TestAgent_TakesOnlyWhatIsItsOwn(t *testing.T) {
	s := newShop(t, 61*day)
	own, name := s.own().Certificate.Leaf.PublicKey, s.session.Name
	issue := func(by *authority.Issuer, key crypto.PublicKey, n identity.Name, life time.Duration) Offer {
		t.Helper()
		chain, err := by.Issue(key, n, life, s.now)
		s.must(err)
		return Offer{Chain: [][]byte{chain[0].Raw, chain[1].Raw}}
	}
	good := issue(s.issuer, own, name, 90*day)
	before, err := os.ReadFile(s.paths.Certificate)
	s.must(err)
	for what, c := range map[string]struct {
		offer Offer
		why   error
	}{
		"another terminal's":      {issue(s.issuer, own, identity.Terminal("shop", "till-8"), 90*day), ErrOffer},
		"a host's":                {issue(s.issuer, own, identity.Host("shop", "a"), 90*day), ErrOffer},
		"with a key other than":   {issue(s.issuer, identitytest.Key(t).Public(), name, 90*day), ErrOffer},
		"of another root":         {issue(authoritytest.Issuer(t, "shop", time.Now()), own, name, 90*day), ErrOffer},
		"one that ends no later":  {issue(s.issuer, own, name, 29*day), ErrOffer},
		"without what is between": {Offer{Chain: good.Chain[:1]}, ErrOffer},
		"rubbish":                 {Offer{Chain: [][]byte{{1}}}, ErrOffer},
		"a thousand":              {Offer{Chain: make([][]byte, 1000)}, ErrOffer},
		"a large one":             {Offer{Chain: [][]byte{make([]byte, 16<<10+1)}}, ErrOffer},
	} {
		a := s.agent.Answer(c.offer)
		if !errors.Is(fault.From([]string{a.Code}, a.Text), c.why) || a.Text == "" {
			t.Errorf("%s: %+v", what, a)
		}
		if after, err := os.ReadFile(s.paths.Certificate); err != nil || string(after) != string(before) {
			t.Errorf("%s: the file has changed (%v)", what, err)
		}
	}
	if a := s.agent.Answer(good); a.Code != "" || a.Text != "" || string(a.Chain[0]) != string(good.Chain[0]) {
		t.Errorf("a good one: %+v", a)
	}
	if a := s.agent.Answer(good); !errors.Is(fault.From([]string{a.Code}, a.Text), ErrOffer) {
		t.Errorf("the same again: %+v", a)
	}
}

// TestAgent_TheDiskTakesNothing: the agent says so, and has what it had.
func TestAgent_TheDiskTakesNothing(t *testing.T) {
	s := newShop(t, 61*day)
	before := s.certificate()
	// A name that has no room for the one under which a file is made.
	long := filepath.Join(filepath.Dir(s.paths.Certificate), strings.Repeat("c", 254))
	s.must(durable.Rename(s.paths.Certificate, long))
	s.agent.paths.Certificate = long
	s.host.Look(t.Context())
	if said := s.host.asked[s.session.Fingerprint].said; !strings.Contains(said, "can't store") || !strings.Contains(said, "renew it by hand") {
		t.Errorf("the host is told %q", said)
	}
	if !s.certificate().Equal(before) || len(s.noted) > 0 {
		t.Error("it was renewed")
	}
}
