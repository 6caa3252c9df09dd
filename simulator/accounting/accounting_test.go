package accounting

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/courier/signature"
	"github.com/hotpair/hotpair/services/emissions"
)

// sender posts as a courier does.
type sender struct {
	t      *testing.T
	office *Office
	client *http.Client
}

func newSender(t *testing.T, fails int) *sender {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(listener, Options{Host: "127.0.0.1", Prefix: "run-", Fails: fails})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 { // repeatable
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(f.roots)) {
		t.Fatal("no roots")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &sender{t, f, &http.Client{Transport: transport}}
}

func header(secret string, first, order emissions.Number, lane, body string) http.Header {
	h := http.Header{}
	h.Set(signature.Emission, fmt.Sprintf("pair/%d/%d/%d", first.Epoch, first.Sequence, first.Index))
	h.Set(signature.Order, fmt.Sprintf("%016x-%016x-%08x", order.Epoch, order.Sequence, order.Index))
	h.Set(signature.Target, Target)
	h.Set(signature.Lane, lane)
	h.Set(signature.Service, tickets.Name)
	signature.Sign([]byte(secret), h, []byte(body), time.Now())
	return h
}

// post gives the code of the answer, 0 when there is none.
func (s *sender) post(secret string, first, order emissions.Number, lane, body string) int {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.office.url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header = header(secret, first, order, lane, body)
	r, err := s.client.Do(q)
	if err != nil {
		return 0
	}
	_ = r.Body.Close()
	return r.StatusCode
}

func (s *sender) tell(sequence uint64, event, seat string) int {
	n := emissions.Number{Epoch: 1, Sequence: sequence}
	return s.post(s.office.secret, n, n, seat, fmt.Sprintf(`{"event":%q,"seat":%q}`, event, seat))
}

func TestOffice_TakesEachOnceInOrder(t *testing.T) {
	s := newSender(t, 0)
	for n, told := range []struct {
		sequence    uint64
		event, seat string
	}{{1, "free", "run-1"}, {1, "free", "run-1"}, {2, "free", "run-1"}, {1, "free", "run-1"}, {3, "sold", "run-1"}, {4, "sold", "run-2"}, {5, "free", "run-2"}, {6, "free", "other-1"}} {
		if code := s.tell(told.sequence, told.event, told.seat); code != http.StatusOK {
			t.Errorf("%d: %d", n, code)
		}
	}
	if got, want := s.office.Seat("run-1"), (Seat{Free: 2, Sold: 1}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	if got, want := s.office.Seat("run-2"), (Seat{Free: 1, Sold: 1, Late: true}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	if got := s.office.Seat("other-1"); got != (Seat{}) {
		t.Errorf("%+v", got)
	}
	if got, want := s.office.Counts(), (Counts{Posts: 7, Taken: 5, Again: 2}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	if list, all := s.office.Wrong(); all != 0 {
		t.Error(list)
	}
}

// TestOffice_NamesWhatIsWrong: nobody else's post, no other body under a number, no number above what was taken but after a release.
func TestOffice_NamesWhatIsWrong(t *testing.T) {
	n := func(epoch, sequence uint64) emissions.Number {
		return emissions.Number{Epoch: epoch, Sequence: sequence}
	}
	s := newSender(t, 0)
	const first = `{"event":"free","seat":"run-1"}`
	for what, c := range map[string]struct {
		secret       string
		first, order emissions.Number
		body         string
		code         int
		wrong        string
	}{
		"of somebody else": {"another secret of a target", n(1, 1), n(1, 1), first, http.StatusUnauthorized, "invalid signature"},
		"no entry":         {s.office.secret, n(1, 1), n(1, 1), `{`, http.StatusUnauthorized, "is not an entry"},
		"another event":    {s.office.secret, n(1, 1), n(1, 1), `{"event":"lost","seat":"run-1"}`, http.StatusOK, `event "lost"`},
	} {
		s := newSender(t, 0)
		if c.secret == "another secret of a target" {
			s.office.secret += "x"
		} else {
			c.secret = s.office.secret
		}
		if code := s.post(c.secret, c.first, c.order, "run-1", c.body); code != c.code {
			t.Errorf("%s: %d", what, code)
		}
		if list, all := s.office.Wrong(); all != 1 || !strings.Contains(list[0], c.wrong) {
			t.Errorf("%s: %q", what, list)
		}
	}
	again := func(first, order emissions.Number, body string) (list []string) {
		s.post(s.office.secret, first, order, "run-1", body)
		list, _ = s.office.Wrong()
		return list
	}
	if list := again(n(1, 1), n(1, 1), first); len(list) != 0 {
		t.Error(list)
	}
	if list := again(n(1, 1), n(1, 1), `{"event":"sold","seat":"run-1"}`); len(list) != 1 || !strings.Contains(list[0], "another body") {
		t.Error(list)
	}
	if list := again(n(1, 1), n(1, 9), first); len(list) != 2 || !strings.Contains(list[1], "was sent again as") {
		t.Error(list)
	}
	if list := again(n(1, 1), n(7, 1), first); len(list) != 2 { // released
		t.Error(list)
	}
	if got := s.office.Seat("run-1"); got != (Seat{Free: 1}) {
		t.Errorf("%+v", got)
	}
}

// TestOffice_FailsAsItIsToldTo: it is sent again until it has a good answer, and taken once.
func TestOffice_FailsAsItIsToldTo(t *testing.T) {
	s := newSender(t, 2)
	codes := map[int]int{}
	for n := range 12 {
		for {
			code := s.tell(uint64(n+1), "free", "run-1")
			if codes[code]++; code == http.StatusOK {
				break
			}
		}
	}
	c := s.office.Counts()
	if c.Taken != 12 || c.Failed < 8 || codes[0] == 0 || codes[http.StatusServiceUnavailable] == 0 || codes[http.StatusInternalServerError] == 0 || c.Again == 0 {
		t.Errorf("%+v, codes %v", c, codes)
	}
	if got := s.office.Seat("run-1"); got != (Seat{Free: 12}) {
		t.Errorf("%+v", got)
	}
}

func FuzzPost(f *testing.F) {
	n := emissions.Number{Epoch: 1, Sequence: 2}
	const body = `{"event":"free","seat":"run-1"}`
	h := header("a secret", n, n, "run-1", body)
	f.Add(h.Get(signature.Emission), h.Get(signature.Order), "run-1", body)
	f.Add("", "0000000000000001-0000000000000002-00000000 ", "", "")
	office := &Office{secret: "a secret", seed: maphash.MakeSeed(), lanes: map[string]*lane{}}
	f.Fuzz(func(t *testing.T, emission, order, lane, body string) {
		h := http.Header{}
		for name, value := range map[string]string{signature.Emission: emission, signature.Order: order, signature.Target: Target, signature.Lane: lane, signature.Service: tickets.Name} {
			h.Set(name, value)
		}
		signature.Sign([]byte(office.secret), h, []byte(body), time.Now())
		p, err := office.read(h, []byte(body))
		if err != nil {
			return
		}
		if got := fmt.Sprintf("%016x-%016x-%08x", p.order.Epoch, p.order.Sequence, p.order.Index); got != order {
			t.Errorf("order %q was read as %q", order, got)
		}
		office.take(p)
	})
}
