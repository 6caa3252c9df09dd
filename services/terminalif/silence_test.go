package terminalif

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminalif/probing"
)

// cable is a network between a host and a terminal that can fall silent: its ends stay connected and hear nothing.
type cable struct {
	net.Listener
	to    string
	delay time.Duration // of each piece, each way
	ends  sync.WaitGroup

	mu     sync.Mutex
	silent chan struct{} // closed while it is not silent
	conns  []net.Conn
}

func newCable(t testing.TB, to string, delay time.Duration) *cable {
	t.Helper()
	c := &cable{Listener: must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0")), to: to, delay: delay, silent: make(chan struct{})}
	close(c.silent)
	c.ends.Go(c.accept)
	t.Cleanup(func() {
		_ = c.Close()
		c.join()
		c.mu.Lock()
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		c.mu.Unlock()
		c.ends.Wait()
	})
	return c
}

func (c *cable) accept() {
	for {
		near, err := c.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, near, far)
		c.mu.Unlock()
		c.ends.Go(func() { c.carry(near, far) })
		c.ends.Go(func() { c.carry(far, near) })
	}
}

func (c *cable) carry(from, to net.Conn) {
	defer to.Close()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		c.mu.Lock()
		silent := c.silent
		c.mu.Unlock()
		<-silent
		time.Sleep(c.delay) // it is what a slow network does
		if n > 0 {
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				_ = from.Close()
			}
			return
		}
	}
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = make(chan struct{})
}

func (c *cable) join() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.silent:
	default:
		close(c.silent)
	}
}

// behind is the terminal as a host sees it that dials through the cable.
func (c *cable) behind(a *anAgent) Terminal {
	return Terminal{ID: a.id, URL: "nats://" + c.Addr().String(), Key: keyOf(a.id)}
}

// attachAll makes h the active, and waits also for terminals that are too slow for the order to attach.
func (h *aHost) attachAll(terminals int) {
	h.t.Helper()
	h.grant(1, time.Hour)
	h.attachIn(1, 1)
	processtest.Await(h.t, "all terminals are attached", func() bool { return h.State().Attached == terminals })
}

// TestSilence_T5AHostThatReachesNobodyKnowsItSoon: the network to all terminals is cut without a word. The host must know before
// the sessions' own housekeeping could tell (that takes 4.5 s at least), since its users wait for the hand-over.
func TestSilence_T5AHostThatReachesNobodyKnowsItSoon(t *testing.T) {
	reachesNobody(t, true)
}

// TestFault_T5_AStandbyThatReachesNobodyKnowsItSoon: all terminals fall silent at once, as when their network is gone. Only a serving
// host looked for silence; the standby went on saying for seconds that it reaches terminals, and the active handed over for nothing.
func TestFault_T5_AStandbyThatReachesNobodyKnowsItSoon(t *testing.T) {
	reachesNobody(t, false)
}

func reachesNobody(t *testing.T, active bool) {
	const terminals = sampled + probed // more than are asked before it is the network
	var cables []*cable
	var list []Terminal
	for n := range terminals {
		a := newAgent(t, fmt.Sprint("t", n))
		c := newCable(t, a.address, 0)
		cables, list = append(cables, c), append(list, c.behind(a))
	}
	h := startHost(t, "a", list...)
	h.awaitWarm(terminals)
	if active {
		h.attachAll(terminals)
	}
	// The housekeeping is never faster than the bound, so one try within it shows that the probes told; a busy machine may need more than one.
	for try := 1; ; try++ {
		took := silenced(t, h, cables)
		t.Logf("measured: noticed after %v", took.Round(time.Millisecond))
		if took <= helloEvery/2+probing.Within-100*time.Millisecond {
			break
		}
		if try == 3 {
			t.Fatalf("noticed after %v only, at the third try", took)
		}
		rejoin(t, h, cables, active)
	}
	rejoin(t, h, cables, active)
}

// silenced cuts all cables and tells after what time the host knew.
func silenced(t *testing.T, h *aHost, cables []*cable) time.Duration {
	for _, c := range cables {
		c.cut()
	}
	began := time.Now()
	processtest.Await(t, "the host reaches nobody", func() bool { s := h.State(); return s.Attached == 0 && s.Warm == 0 })
	return time.Since(began)
}

// rejoin fixes all cables and waits until all terminals are there again.
func rejoin(t *testing.T, h *aHost, cables []*cable, active bool) {
	for _, c := range cables {
		c.join()
	}
	processtest.Await(t, "all are there again", func() bool {
		return active && h.State().Attached == len(cables) || !active && h.State().Warm == len(cables)
	})
}

// TestSilence_ACutPartLeavesTheRest: the network to as many terminals as are asked at a time is cut, the others are reached.
// Nobody else loses a session by it.
func TestSilence_ACutPartLeavesTheRest(t *testing.T) {
	const terminals = 2 * probed
	var cables []*cable
	var list []Terminal
	for n := range terminals {
		a := newAgent(t, fmt.Sprint("t", n))
		c := newCable(t, a.address, 0)
		cables, list = append(cables, c), append(list, c.behind(a))
	}
	h := startHost(t, "a", list...)
	h.awaitWarm(terminals)
	h.attachAll(terminals)
	dials := h.Dials()
	for _, c := range cables[:probed] {
		c.cut()
	}
	if silent := h.silentOf(t.Context(), h.roster.all()[:probed], probeWithin); len(silent) != probed {
		t.Errorf("%d are silent, want %d", len(silent), probed)
	}
	if h.nobodyAnswers(t.Context()) || h.Dials() != dials || h.State().Attached != terminals {
		t.Errorf("%d dials, %d before; %d of %d attached", h.Dials(), dials, h.State().Attached, terminals)
	}
}

// TestSilence_SlowIsNotSilent: a terminal behind a slow network answers no probe in time, but it does answer; it keeps its session.
func TestSilence_SlowIsNotSilent(t *testing.T) {
	a := newAgent(t, "t1")
	c := newCable(t, a.address, probeWithin/2+20*time.Millisecond) // a round trip takes longer than a probe waits
	h := startHost(t, "a", c.behind(a))
	h.awaitWarm(1)
	h.attachAll(1)
	s := h.roster.all()[0]
	dials := h.Dials()
	// Each suspicion is a question answered late; after some of them it is still the same session.
	for n := range 3 {
		processtest.Await(t, fmt.Sprint("suspicion ", n), func() bool { return len(h.silentOf(t.Context(), []*session{s}, probeWithin)) == 1 })
		s.suspect()
		processtest.Await(t, "it is asked", func() bool { return len(s.suspected) == 0 })
	}
	if _, err := s.confirm(t.Context(), s.warm(), patientWithin); err != nil {
		t.Errorf("a slow terminal counts as %v", err)
	}
	if h.Dials() != dials || h.State().Attached != 1 {
		t.Errorf("%d dials, %d before; %d attached", h.Dials(), dials, h.State().Attached)
	}
}

// TestSilence_T11FullLoadCutsNobody: every core is busy for some probes; no healthy session ends by it.
func TestSilence_T11FullLoadCutsNobody(t *testing.T) {
	const terminals = 20
	var agents []*anAgent
	for n := range terminals {
		agents = append(agents, newAgent(t, fmt.Sprint("t", n)))
	}
	h := startHost(t, "a", terminalsOf(agents...)...)
	h.awaitWarm(terminals)
	h.attachAll(terminals)
	dials := h.Dials()
	end := make(chan struct{})
	var load sync.WaitGroup
	for range 8 * runtime.GOMAXPROCS(0) {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-end:
					return
				default:
				}
			}
		})
	}
	time.Sleep(6 * probeEvery) // the load's length is what is tried
	close(end)
	load.Wait()
	if h.Dials() != dials || h.State().Attached != terminals {
		t.Errorf("%d dials, %d before; %d of %d attached", h.Dials(), dials, h.State().Attached, terminals)
	}
}
