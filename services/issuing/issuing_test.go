package issuing

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/authority/authoritytest"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

const day = 24 * time.Hour

// station is a host with its files.
type station struct {
	t      *testing.T
	dir    string
	issuer *authority.Issuer
	config Config
	now    time.Time
	doubt  string
	*Holder
}

// newStation gives the host its certificate some time ago; the issuing key is older.
func newStation(t *testing.T, ago time.Duration) *station {
	t.Helper()
	s := &station{t: t, dir: t.TempDir(), now: time.Now()}
	s.issuer = authoritytest.Issuer(s.t, "shop", s.now.Add(-100*day))
	paths, err := s.issuer.Equip(filepath.Join(s.dir, "tls"), identity.Host("shop", "a"), authority.Life(identity.RoleHost), s.now.Add(-ago))
	s.must(err)
	s.config = Config{
		Files: config.Authority{AuthorityKey: filepath.Join(s.dir, "issuing.key"), AuthoritySeal: filepath.Join(s.dir, "seal.key")},
		TLS:   config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots},
		Doubt: func() string { return s.doubt }, Now: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler),
	}
	s.seal(s.issuer)
	s.Holder = New(s.config)
	return s
}

func (s *station) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// seal puts an issuing key in place, with a new seal.
func (s *station) seal(i *authority.Issuer) {
	s.t.Helper()
	if err := os.Remove(s.config.Files.AuthoritySeal); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	seal, err := authority.NewSeal(s.config.Files.AuthoritySeal)
	s.must(err)
	s.must(i.Write(s.config.Files.AuthorityKey, seal.Recipient()))
}

// shown is the certificate in the file.
func (s *station) shown() identity.Peer {
	s.t.Helper()
	own, err := s.own()
	s.must(err)
	return own.Self
}

// TestHolder_SaysWhyItCantOpen: whatever is wrong with the files is a sentence that names the file, and an alarm's text; what was opened before
// goes on being used, and the files are good again once they are.
func TestHolder_SaysWhyItCantOpen(t *testing.T) {
	for what, c := range map[string]struct {
		harm func(*station)
		is   error
		says string
	}{
		"no key":         {func(s *station) { s.must(os.Remove(s.config.Files.AuthorityKey)) }, authority.ErrNone, "issuing.key"},
		"no seal":        {func(s *station) { s.must(os.Remove(s.config.Files.AuthoritySeal)) }, nil, "seal.key"},
		"a damaged key":  {func(s *station) { s.damage(s.config.Files.AuthorityKey) }, authority.ErrDamaged, "issuing.key"},
		"an empty key":   {func(s *station) { s.must(durable.Write(s.config.Files.AuthorityKey, nil)) }, authority.ErrDamaged, "issuing.key"},
		"a damaged seal": {func(s *station) { s.must(durable.Write(s.config.Files.AuthoritySeal, []byte("no key\n"))) }, nil, "seal.key"},
		"another's seal": {func(s *station) {
			s.must(os.Remove(s.config.Files.AuthoritySeal))
			_, err := authority.NewSeal(s.config.Files.AuthoritySeal)
			s.must(err)
		}, authority.ErrWrongSeal, "issuing.key"},
		"seal for all": {func(s *station) { s.must(os.Chmod(s.config.Files.AuthoritySeal, 0o644)) }, nil, "seal.key"},
		"another root": {func(s *station) { s.seal(authoritytest.Issuer(s.t, "shop", s.now)) }, authority.ErrForeign, "HOTPAIR_TLS_CA"},
		"another pair": {func(s *station) { s.seal(authoritytest.Issuer(s.t, "bank", s.now)) }, authority.ErrForeign, "of pair shop"},
		"another pair, whose root is trusted too": {func(s *station) {
			bank := authoritytest.Issuer(s.t, "bank", s.now)
			s.seal(bank)
			s.must(durable.Write(s.config.TLS.TLSCa, authority.EncodeCertificates(s.issuer.Root(), bank.Root())))
		}, authority.ErrForeign, "of pair shop"},
		"a directory": {func(s *station) {
			s.must(os.Remove(s.config.Files.AuthorityKey))
			s.must(os.Mkdir(s.config.Files.AuthorityKey, 0o700))
		}, nil, "issuing.key"},
		"the root's file":    {func(s *station) { s.rootInstead() }, nil, "issuing.key"},
		"no own certificate": {func(s *station) { s.must(os.Remove(s.config.TLS.TLSCert)) }, identity.ErrCredentials, "HOTPAIR_TLS_CERT"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStation(t, day)
			s.must(s.Check())
			before, err := s.Issuer()
			s.must(err)
			c.harm(s)
			err = s.Check()
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v about %s", err, c.is, c.says)
			}
			if unopened, _ := s.Trouble(); err != nil && unopened != err.Error() {
				t.Errorf("told is %q", unopened)
			}
			if after, err := s.Issuer(); err != nil || after != before {
				t.Errorf("what was opened before is not used any more: %v", err)
			}
			if _, err := New(s.config).Issuer(); err == nil {
				t.Error("a process that starts now has a key")
			}
		})
	}
}

func (s *station) damage(path string) {
	s.t.Helper()
	raw, err := os.ReadFile(path)
	s.must(err)
	raw[len(raw)-20] ^= 1
	s.must(durable.Write(path, raw))
}

func (s *station) rootInstead() {
	s.t.Helper()
	root, err := authority.New("shop", s.now)
	s.must(err)
	s.must(os.Remove(s.config.Files.AuthorityKey))
	s.must(root.Create(s.config.Files.AuthorityKey, "a long passphrase"))
}

// TestHolder_RenewsItself for the same key when two thirds are over, once, and not by a clock in doubt.
func TestHolder_RenewsItself(t *testing.T) {
	s := newStation(t, 19*day)
	before := s.shown()
	s.Renew()
	if s.shown() != before {
		t.Error("renewed before its time")
	}
	s.now = s.now.Add(2 * day)
	s.doubt = "it jumped"
	s.Renew()
	if _, why := s.Trouble(); s.shown() != before || !strings.Contains(why, "in doubt: it jumped") {
		t.Errorf("with a clock in doubt: %q", why)
	}
	s.doubt = ""
	s.Renew()
	after := s.shown()
	if left := after.NotAfter.Sub(s.now); after.Fingerprint != before.Fingerprint || after.Name != before.Name || left < 29*day {
		t.Errorf("%+v, before %+v", after, before)
	}
	if _, why := s.Trouble(); why != "" {
		t.Errorf("trouble: %s", why)
	}
	s.Renew()
	if s.shown() != after {
		t.Error("renewed twice")
	}
	// Seven weeks later nothing opens the seal any more: told, and what is there stays.
	s.now = s.now.Add(50 * day)
	s.must(os.Remove(s.config.Files.AuthoritySeal))
	s.Holder = New(s.config)
	s.Renew()
	if _, why := s.Trouble(); s.shown() != after || !strings.Contains(why, "expires on "+after.NotAfter.UTC().Format(time.DateOnly)) {
		t.Errorf("without a seal: %q", why)
	}
}

// TestHolder_TheIssuingKeyEnds: a certificate can't end later than it, so one after the other would be written for nothing.
func TestHolder_TheIssuingKeyEnds(t *testing.T) {
	s := newStation(t, 19*day)
	s.now = s.issuer.NotAfter().Add(-time.Hour)
	s.Renew()
	first := s.shown()
	s.now = s.now.Add(50 * time.Minute)
	s.Renew()
	if _, why := s.Trouble(); s.shown() != first || !strings.Contains(why, "hotpair authority rotate") {
		t.Errorf("%q; %v", why, s.shown().NotAfter)
	}
}

// TestHolder_LooksEachDay: a seal that is lost is noticed within a day, although nobody enrols; one that was put back within a minute.
func TestHolder_LooksEachDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, day)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, false) }()
		synctest.Wait()
		trouble := func() string { unopened, _ := s.Trouble(); return unopened }
		s.must(os.Rename(s.config.Files.AuthoritySeal, s.config.Files.AuthoritySeal+".lost"))
		if why := trouble(); why != "" {
			t.Errorf("at the start: %s", why)
		}
		time.Sleep(24*time.Hour + time.Minute) // of the bubble: a day is what it is about
		synctest.Wait()
		if trouble() == "" {
			t.Error("a day later nobody has noticed")
		}
		s.must(os.Rename(s.config.Files.AuthoritySeal+".lost", s.config.Files.AuthoritySeal))
		time.Sleep(2 * againEvery) // likewise
		synctest.Wait()
		if why := trouble(); why != "" {
			t.Errorf("put back: %s", why)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestHolder_OfAnotherAuthority: a host without an issuing key says so, and touches nothing.
func TestHolder_OfAnotherAuthority(t *testing.T) {
	s := newStation(t, 25*day)
	s.config.Files = config.Authority{}
	h := New(s.config)
	if _, err := h.Issuer(); !errors.Is(err, ErrNone) || h.Source() != nil || h.Configured() {
		t.Error(err)
	}
	if unopened, unrenewed := h.Trouble(); unopened+unrenewed != "" {
		t.Error(unopened, unrenewed)
	}
}
