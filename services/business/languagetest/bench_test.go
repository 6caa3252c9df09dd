package languagetest_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/languagetest"
	"github.com/hotpair/hotpair/services/business/tickets"
)

// asTickets makes this test binary the business process tickets, with the environment that main gives it.
const asTickets = "TEST_AS_TICKETS"

func TestMain(m *testing.M) {
	if os.Getenv(asTickets) != "" {
		business.Main(tickets.Service())
	}
	os.Exit(m.Run())
}

// BenchmarkTickets is what a process of its own takes for each request in each language: seats are sold, each once, one read and one
// commit of two keys each, with a database in memory that commits at once. Go gets requests in batches too, the others one by one only.
func BenchmarkTickets(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		batches bool
		command []string
	}{
		{"go", true, []string{"/bin/sh", "-c", asTickets + `=1 exec "$0"`, self}},
		{"go-singly", false, []string{"/bin/sh", "-c", asTickets + `=1 exec "$0"`, self}},
		{"python", false, []string{languagetest.Python().Tickets(b)}},
		{"typescript", false, []string{languagetest.TypeScript().Tickets(b)}},
	} {
		for _, clients := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", c.name, clients), func(b *testing.B) {
				host := businesstest.NewHost(b)
				s := start(b, host, tickets.Name, c.command...)
				call := s.call
				businesstest.Await(b, "the first answer", func() bool { // a runtime may answer pings before it listens to all
					r, err := s.try(businesstest.Request(tickets.Name, "look", `{"seat":"s0"}`))
					return err == nil && r.Code == bus.CodeOK
				})
				if c.batches {
					caller := host.Caller(tickets.Name)
					call = func(q bus.Request) bus.Reply {
						r, err := caller.Call(b.Context(), q)
						if err != nil {
							b.Error(err)
						}
						return r
					}
				}
				var n atomic.Int64
				var working sync.WaitGroup
				b.ResetTimer()
				for range clients {
					working.Go(func() {
						for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
							if r := call(businesstest.Numbered(uint64(i), tickets.Name, "sell", fmt.Sprintf(`{"seat":"s%d","customer":"ann"}`, i))); r.Code != bus.CodeOK {
								b.Errorf("%d %s", r.Code, r.Message)
							}
						}
					})
				}
				working.Wait()
				b.StopTimer()
				if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
					b.Fatal(err)
				}
				if code := s.end(); code != 0 {
					b.Errorf("it ends with %d", code)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
				took := s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()
				b.ReportMetric(float64(took/time.Microsecond)/float64(b.N), "cpu-µs/op")
			})
		}
	}
}
