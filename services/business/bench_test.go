package business_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/business/ledger"
)

// load sends b.N requests from a number of closed-loop clients.
func load(b *testing.B, host *businesstest.Host, service string, clients int, next func(n int64) bus.Request) {
	caller := host.Caller(service)
	var n, failed atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					return
				}
				reply, err := caller.Call(b.Context(), next(i))
				if err != nil {
					b.Error(err)
					return
				}
				if reply.Code != 0 && (service != ledger.Name || reply.Code != bus.CodeConflict) { // overdrafts are fine
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	if f := failed.Load(); f > 0 {
		b.Errorf("%d of %d requests failed", f, b.N)
	}
}

// BenchmarkPut is the whole path from terminal-if's side of the bus and back, over a real server, with a database in
// memory that commits at once.
func BenchmarkPut(b *testing.B) {
	for _, clients := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			host := businesstest.NewHost(b)
			host.Run(kv.Service())
			load(b, host, kv.Name, clients, func(n int64) bus.Request {
				return businesstest.Numbered(uint64(n), kv.Name, "put", fmt.Sprintf(`{"key":"k%d","value":"0123456789abcdef"}`, n%1000))
			})
		})
	}
}

// BenchmarkTransfer reads and writes two accounts; "hot" has all clients fight for two, the others spread over 10,000.
func BenchmarkTransfer(b *testing.B) {
	for _, clients := range []int{1, 64, 256} {
		for _, accounts := range []int{2, 10000} {
			b.Run(fmt.Sprintf("clients=%d/accounts=%d", clients, accounts), func(b *testing.B) {
				// A frame takes as long as two fsyncs of a good disk, so that conflicts are as frequent as they are.
				host := businesstest.NewHost(b, func(d *businesstest.Database) {
					d.BeforeFrame = func() { time.Sleep(300 * time.Microsecond) }
				})
				host.Run(ledger.Service())
				openAccounts(b, host, accounts)
				before := host.Database.Calls()
				load(b, host, ledger.Name, clients, func(n int64) bus.Request {
					from := int(n*7919) % accounts
					return businesstest.Numbered(uint64(n), ledger.Name, "transfer",
						fmt.Sprintf(`{"from":"%05d","to":"%05d","amount":1}`, from, (from+1)%accounts))
				})
				after := host.Database.Calls()
				b.ReportMetric(float64(after.Commits-before.Commits)/float64(b.N), "commits/req")
				b.ReportMetric(float64(after.Frames-before.Frames)/b.Elapsed().Seconds(), "frames/s")
			})
		}
	}
}

// BenchmarkTotal adds up 10,000 accounts while 8 clients transfer.
func BenchmarkTotal(b *testing.B) {
	const accounts = 10000
	for _, page := range []int{1000, 100000} {
		b.Run(fmt.Sprintf("page=%d", page), func(b *testing.B) {
			host := businesstest.NewHost(b, func(d *businesstest.Database) { d.SetScanItems(page) })
			host.Run(ledger.Service())
			openAccounts(b, host, accounts)
			var transfers atomic.Int64
			var wg sync.WaitGroup
			done := make(chan struct{})
			for range 8 {
				wg.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						n := transfers.Add(1)
						host.Call(businesstest.Numbered(uint64(n), ledger.Name, "transfer",
							fmt.Sprintf(`{"from":"%05d","to":"%05d","amount":1}`, n*7%accounts, (n*7+1)%accounts)))
					}
				})
			}
			b.ResetTimer()
			for b.Loop() {
				reply := host.Call(businesstest.Request(ledger.Name, "total", ""))
				var total ledger.Total
				if err := json.Unmarshal(reply.Body, &total); err != nil || total.Accounts != accounts || total.Total.Int64() != 100*accounts {
					b.Fatalf("%d %s %s", reply.Code, reply.Message, reply.Body)
				}
			}
			b.ReportMetric(float64(transfers.Load())/b.Elapsed().Seconds(), "transfers/s")
			close(done)
			wg.Wait()
		})
	}
}

func openAccounts(b *testing.B, host *businesstest.Host, accounts int) {
	b.Helper()
	caller := host.Caller(ledger.Name)
	var wg sync.WaitGroup
	for i := range accounts {
		wg.Add(1)
		q := businesstest.Request(ledger.Name, "open", fmt.Sprintf(`{"account":"%05d","balance":100}`, i))
		caller.Go(q, func(reply bus.Reply, err error) {
			if err != nil || reply.Code != 0 {
				b.Error(reply.Code, reply.Message, err)
			}
			wg.Done()
		})
		if i%1000 == 999 {
			wg.Wait()
		}
	}
	wg.Wait()
}
