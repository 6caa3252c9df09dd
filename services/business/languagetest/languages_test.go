package languagetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/languagetest"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/business/tickets/ticketstest"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminalif/description"
	"github.com/hotpair/hotpair/services/terminalif/route"
)

// inEach runs a test for each language.
func inEach(t *testing.T, test func(*testing.T, languagetest.Language)) {
	t.Helper()
	for _, l := range languagetest.All() {
		t.Run(l.Name, func(t *testing.T) { test(t, l) })
	}
}

// service is a program under test.
type service struct {
	t      testing.TB
	host   *businesstest.Host
	name   string
	cmd    *exec.Cmd
	output *processtest.Output
	ended  chan struct{}
	route  route.Route
}

// start runs a program as main would and returns when it answers a ping.
func start(t testing.TB, host *businesstest.Host, name string, command ...string) *service {
	t.Helper()
	s := &service{t: t, host: host, name: name, cmd: exec.Command(command[0], command[1:]...), output: &processtest.Output{}, ended: make(chan struct{})}
	cfg := host.Environment(name)
	cfg.Host = "a"
	s.cmd.Env = append(append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1"), config.Environ(&cfg)...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	s.cmd.WaitDelay = businesstest.Patience
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // its code is looked at by who ends it
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended
		<-s.ended
		if t.Failed() {
			t.Logf("%s says: %s", name, s.output)
		}
	})
	businesstest.Await(t, name, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := host.Asker.Request(ctx, "$SRV.PING."+name, nil)
		return err == nil || s.over()
	})
	if s.over() {
		t.Fatalf("%s has ended: %s", name, s.output)
	}
	s.route = route.Singles(context.Background(), host.Relay, func(f func()) { go f() })
	return s
}

func (s *service) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// end waits for the end of the program and gives its code.
func (s *service) end() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(businesstest.Patience):
		s.t.Fatalf("%s does not end: %s", s.name, s.output)
	}
	return s.cmd.ProcessState.ExitCode()
}

// try makes a request the way terminal-if does.
func (s *service) try(q bus.Request) (bus.Reply, error) {
	type outcome struct {
		reply bus.Reply
		err   error
	}
	q.Ticket, q.Remaining = businesstest.Ticket(q), int64(businesstest.Patience)
	done := make(chan outcome, 1)
	s.route.Send(q, func(r bus.Reply, err error) { done <- outcome{r, err} })
	o := <-done
	return o.reply, o.err
}

func (s *service) call(q bus.Request) bus.Reply {
	s.t.Helper()
	r, err := s.try(q)
	if err != nil {
		s.t.Errorf("%s: %v", q.Operation, err)
	}
	return r
}

// TestLanguages_TicketsIsWhatItIsInGo: the same table of cases, and each goes on with what the other has stored.
func TestLanguages_TicketsIsWhatItIsInGo(t *testing.T) { inEach(t, ticketsIsWhatItIsInGo) }

func ticketsIsWhatItIsInGo(t *testing.T, l languagetest.Language) {
	host := businesstest.NewHost(t)
	s := start(t, host, tickets.Name, l.Tickets(t))
	next := ticketstest.Run(t, host, s.call)

	s.call(businesstest.Numbered(next, tickets.Name, "reserve", `{"seat":"kept","customer":"cid"}`))
	before := s.call(businesstest.Request(tickets.Name, "look", `{"seat":"kept"}`))
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.end(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	host.Run(tickets.Service())
	if after := host.Call(businesstest.Request(tickets.Name, "look", `{"seat":"kept"}`)); string(after.Body) != string(before.Body) {
		t.Errorf("%s, in Go %s", before.Body, after.Body)
	}
	fired := host.Call(host.Fire(tickets.Name, "kept", 0))
	if string(fired.Body) != `{"seat":"kept","state":"free","released":1}` {
		t.Errorf("%d %s %s", fired.Code, fired.Message, fired.Body)
	}
}

// TestLanguages_NoSeatTwice: many customers want the same few seats, each request comes twice under its id, and the updater goes and comes
// back meanwhile.
func TestLanguages_NoSeatTwice(t *testing.T) { inEach(t, noSeatTwice) }

func noSeatTwice(t *testing.T, l languagetest.Language) {
	const customers, halls = 8, 12
	host := businesstest.NewHost(t)
	s := start(t, host, tickets.Name, l.Tickets(t))
	var mu sync.Mutex
	sold := map[string][]string{}
	var working sync.WaitGroup
	for c := range customers {
		name := fmt.Sprintf("c%d", c)
		working.Go(func() {
			for h := range halls {
				for n, operation := range []string{"reserve", "sell"} {
					q := businesstest.Numbered(uint64(1+2*(c*halls+h)+n), tickets.Name, operation, fmt.Sprintf(`{"seat":"%d","customer":%q}`, h, name))
					first := s.call(q)
					q.Attempt = 2
					again := s.call(q)
					if operation == "sell" && first.Code == bus.CodeOK {
						if string(first.Body) != string(again.Body) || again.Code != bus.CodeOK || again.Proof != first.Proof || first.Proof == "" {
							t.Errorf("again: %+v, first %+v", again, first)
						}
						mu.Lock()
						sold[fmt.Sprint(h)] = append(sold[fmt.Sprint(h)], name)
						mu.Unlock()
					}
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	for restarts := 0; ; restarts++ {
		select {
		case <-done:
			if restarts < 2 {
				t.Errorf("the updater was restarted %d times only", restarts)
			}
		case <-time.After(30 * time.Millisecond):
			host.UpdaterDown()
			host.UpdaterUp()
			continue
		}
		break
	}
	for h := range halls {
		seat := fmt.Sprint(h)
		if len(sold[seat]) != 1 {
			t.Errorf("seat %s was sold to %v", seat, sold[seat])
		}
		var now tickets.Seat
		r := s.call(businesstest.Request(tickets.Name, "look", fmt.Sprintf(`{"seat":%q}`, seat)))
		if err := json.Unmarshal(r.Body, &now); err != nil {
			t.Errorf("seat %s: %v: %+v", seat, err, r)
		}
		for _, customer := range sold[seat] {
			if now.State != tickets.Sold || now.Customer != customer {
				t.Errorf("seat %s was sold to %s, and is %+v", seat, customer, now)
			}
		}
		if _, waits := host.Database.Timer(tickets.Name, seat); waits {
			t.Errorf("the timer of seat %s is left", seat)
		}
	}
}

// TestLanguages_TimerRunsOnce: a run that is begun twice takes effect once, and the second is told so.
func TestLanguages_TimerRunsOnce(t *testing.T) { inEach(t, timerRunsOnce) }

func timerRunsOnce(t *testing.T, l languagetest.Language) {
	host := businesstest.NewHost(t)
	s := start(t, host, tickets.Name, l.Tickets(t))
	s.call(businesstest.Numbered(1, tickets.Name, "reserve", `{"seat":"1","customer":"ann"}`))
	run := host.Fire(tickets.Name, "1", time.Second)
	for n, want := range []int{bus.CodeOK, bus.CodeTooOld} {
		if r := s.call(run); r.Code != want {
			t.Errorf("run %d: %d %s", n+1, r.Code, r.Message)
		}
	}
}

// TestLanguages_EndsWithMain: a service does not outlive its main, and says why it ends.
func TestLanguages_EndsWithMain(t *testing.T) { inEach(t, endsWithMain) }

func endsWithMain(t *testing.T, l languagetest.Language) {
	host := businesstest.NewHost(t)
	s := start(t, host, tickets.Name, l.Tickets(t))
	host.Kick(bus.ProcessBusiness + "." + tickets.Name)
	if code := s.end(); code != 1 || !strings.Contains(s.output.String(), "the connection to main is lost") {
		t.Errorf("%d: %s", code, s.output)
	}
}

// TestLanguages_DescribesItself: main and terminal-if find what there is, and an operator how it does.
func TestLanguages_DescribesItself(t *testing.T) { inEach(t, describesItself) }

func describesItself(t *testing.T, l languagetest.Language) {
	host := businesstest.NewHost(t)
	s := start(t, host, tickets.Name, l.Tickets(t))
	about, err := description.Ask(t.Context(), host.Asker, tickets.Name)
	if err != nil || about.Batches || about.Version != "1.0.0" || strings.Join(about.Operations(tickets.Name), " ") != "account find give look release reserve sell" {
		t.Errorf("%+v %v", about, err)
	}
	s.call(businesstest.Request(tickets.Name, "look", `{"seat":"1"}`))
	s.call(businesstest.Request(tickets.Name, "look", `{}`))
	businesstest.Await(t, "the counts", func() bool {
		m, err := host.Asker.Request(t.Context(), "$SRV.STATS."+tickets.Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		var stats struct {
			Endpoints []struct {
				Name     string `json:"name"`
				Requests int    `json:"num_requests"`
				Errors   int    `json:"num_errors"`
			} `json:"endpoints"`
		}
		if err := json.Unmarshal(m.Data, &stats); err != nil {
			t.Fatal(err)
		}
		for _, e := range stats.Endpoints {
			if e.Name == "look" {
				return e.Requests == 2 && e.Errors == 1
			}
		}
		return false
	})
}

// TestLanguages_SaysWhatIsMissing: started by hand, it says how it is started.
func TestLanguages_SaysWhatIsMissing(t *testing.T) { inEach(t, saysWhatIsMissing) }

func saysWhatIsMissing(t *testing.T, l languagetest.Language) {
	c := exec.CommandContext(t.Context(), l.Tickets(t))
	c.Env = []string{"PYTHONDONTWRITEBYTECODE=1", "PATH=" + os.Getenv("PATH")}
	said, err := c.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !bytes.Contains(said, []byte("HOTPAIR_REQUESTS_URL is not set")) {
		t.Errorf("%v: %s", err, said)
	}
}

// TestLanguages_EndsInOrder: told to end, it answers what it has begun, takes nothing any more, and does not wait for handlers that do not
// return.
func TestLanguages_EndsInOrder(t *testing.T) { inEach(t, endsInOrder) }

// slowEnd is what becomes of a request that takes its time when the process is told to end.
type slowEnd struct {
	seconds string
	code    int
	answer  string
	said    string
}

// neverEnds is that for a handler that does not return: a thread can't be taken from it, but a promise need not be waited for.
var neverEnds = map[string]slowEnd{
	"Python":     {"600", 1, "", "handlers do not return"},
	"TypeScript": {"600", 0, "", ""},
}

var inFlight = regexp.MustCompile(`"in_flight": ?1\b`)

func endsInOrder(t *testing.T, l languagetest.Language) {
	for _, c := range []slowEnd{
		{"0.5", 0, `{"waited":0.5}`, ""},
		neverEnds[l.Name],
	} {
		host := businesstest.NewHost(t)
		s := start(t, host, "slow", l.Slow(t)...)
		answered := make(chan bus.Reply, 1)
		go func() {
			r, _ := s.try(businesstest.Numbered(1, "slow", "wait", `{"seconds":`+c.seconds+`}`)) // one that ends gives no answer
			answered <- r
		}()
		businesstest.Await(t, "the request", func() bool {
			m, err := host.Asker.Request(t.Context(), "$SRV.STATS.slow", nil)
			return err == nil && inFlight.Match(m.Data)
		})
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for n := uint64(2); c.code == 0 && n < 20_000; n++ { // one that does not end is not asked: nobody answers for it
			r, err := s.try(businesstest.Numbered(n, "slow", "wait", `{"seconds":0}`))
			if errors.Is(err, bus.ErrNobody) {
				break
			}
			if err != nil || r.Code != bus.CodeOK && r.Code != bus.CodeNobody {
				t.Fatalf("%v %+v", err, r)
			}
		}
		if code := s.end(); code != c.code || !strings.Contains(s.output.String(), c.said) {
			t.Errorf("%s: it ends with %d: %s", c.seconds, code, s.output)
		}
		if c.code != 0 {
			s.route.Fail() // as main says that it is gone
		}
		if r := <-answered; string(r.Body) != c.answer {
			t.Errorf("%s: %+v", c.seconds, r)
		}
	}
}
