package ledger_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/ledger"
)

func TestLedger_Operations(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(ledger.Service())
	for _, s := range []struct {
		name, operation, body string
		code                  int
		want                  string
	}{
		{"total of nothing", "total", `{}`, 0, `{"total":0,"accounts":0}`},
		{"open", "open", `{"account":"a","balance":100}`, 0, `{"account":"a","balance":100}`},
		{"open again", "open", `{"account":"a","balance":5}`, 409, `"a" exists`},
		{"open empty", "open", `{"account":"b"}`, 0, `{"account":"b","balance":0}`},
		{"open below 0", "open", `{"account":"c","balance":-1}`, 400, `"balance"`},
		{"open without name", "open", `{"balance":1}`, 400, `"account"`},
		{"open long name", "open", `{"account":"` + strings.Repeat("x", ledger.MaxAccount+1) + `"}`, 400, `"account"`},
		{"transfer", "transfer", `{"from":"a","to":"b","amount":30}`, 0, `{"from":{"balance":70},"to":{"balance":30}}`},
		{"all of it", "transfer", `{"from":"b","to":"a","amount":30}`, 0, `{"from":{"balance":0},"to":{"balance":100}}`},
		{"overdraft", "transfer", `{"from":"b","to":"a","amount":1}`, 409, `"b" holds 0, less than 1`},
		{"unknown from", "transfer", `{"from":"x","to":"a","amount":1}`, 404, `"x" is absent`},
		{"unknown to", "transfer", `{"from":"a","to":"x","amount":1}`, 404, `"x" is absent`},
		{"same account", "transfer", `{"from":"a","to":"a","amount":1}`, 400, "same account"},
		{"amount 0", "transfer", `{"from":"a","to":"b","amount":0}`, 400, `"amount"`},
		{"no amount", "transfer", `{"from":"a","to":"b"}`, 400, `"amount"`},
		{"negative amount", "transfer", `{"from":"a","to":"b","amount":-5}`, 400, `"amount"`},
		{"fraction", "transfer", `{"from":"a","to":"b","amount":0.5}`, 400, `"amount"`},
		{"more than 64 bits", "transfer", `{"from":"a","to":"b","amount":9223372036854775808}`, 400, `"amount"`},
		{"unknown field", "transfer", `{"from":"a","to":"b","amount":1,"memo":""}`, 400, `"memo"`},
		{"no from", "transfer", `{"to":"b","amount":1}`, 400, `"from"`},
		{"no to", "transfer", `{"from":"a","amount":1}`, 400, `"to"`},
		{"balance", "balance", `{"account":"a"}`, 0, `{"account":"a","balance":100}`},
		{"balance of nobody", "balance", `{"account":"x"}`, 404, `"x" is absent`},
		{"balance without name", "balance", `{}`, 400, `"account"`},
		{"open the largest", "open", `{"account":"m","balance":9223372036854775807}`, 0, `{"account":"m","balance":9223372036854775807}`},
		{"overflow", "transfer", `{"from":"a","to":"m","amount":1}`, 409, `"m" can't hold 1 more`},
		{"total beyond 64 bits", "total", ``, 0, `{"total":9223372036854775907,"accounts":3}`},
		{"total of something", "total", `{"prefix":"x"}`, 400, `"prefix"`},
	} {
		reply := host.Call(businesstest.Request(ledger.Name, s.operation, s.body))
		switch {
		case reply.Code != s.code:
			t.Errorf("%s: code %d (%s), want %d", s.name, reply.Code, reply.Message, s.code)
		case s.code == 0 && string(reply.Body) != s.want:
			t.Errorf("%s: %s, want %s", s.name, reply.Body, s.want)
		case s.code != 0 && !strings.Contains(reply.Message, s.want):
			t.Errorf("%s: %q, want %q in it", s.name, reply.Message, s.want)
		}
	}
}

// TestLedger_TotalStaysUnderParallelTransfers moves amounts from 64 sides at once, on few accounts so that they meet,
// and asks for the total all the while: it must be the same at every moment, and it must be answered.
func TestLedger_TotalStaysUnderParallelTransfers(t *testing.T) {
	const accounts, movers, transfers, each = 40, 64, 60, 100
	// Pages of 7 accounts, so that a total takes six trips.
	host := businesstest.NewHost(t, func(d *businesstest.Database) { d.SetScanItems(7) })
	host.Run(ledger.Service())
	host.Caller(ledger.Name)
	for i := range accounts {
		host.Call(businesstest.Request(ledger.Name, "open", fmt.Sprintf(`{"account":"%02d","balance":%d}`, i, each)))
	}
	var moving sync.WaitGroup
	for m := range movers {
		moving.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(m)))
			for n := range transfers {
				from := r.IntN(accounts)
				to := (from + 1 + r.IntN(accounts-1)) % accounts
				q := businesstest.Numbered(uint64(m*transfers+n+1), ledger.Name, "transfer",
					fmt.Sprintf(`{"from":"%02d","to":"%02d","amount":%d}`, from, to, 1+r.IntN(each)))
				reply := host.Call(q)
				if reply.Code != 0 && reply.Code != 409 {
					t.Errorf("transfer: %d %s", reply.Code, reply.Message)
				}
			}
		})
	}
	moved := make(chan struct{})
	go func() { moving.Wait(); close(moved) }()
	totals := 0
	for going := true; going; totals++ {
		select {
		case <-moved:
			going = false
		default:
		}
		reply := host.Call(businesstest.Request(ledger.Name, "total", ``))
		var total struct{ Total, Accounts int }
		if reply.Code != 0 {
			t.Fatalf("total %d: %d %s", totals, reply.Code, reply.Message)
		}
		if err := json.Unmarshal(reply.Body, &total); err != nil || total.Total != accounts*each || total.Accounts != accounts {
			t.Fatalf("total %d: %s, want %d", totals, reply.Body, accounts*each)
		}
	}
	t.Logf("%d totals beside %d transfers", totals, movers*transfers)
}

// TestLedger_V9aAppRepeatsItsIDAfterItsAgentRestarted: an app repeats a transfer under its own id. Its agent was restarted and knows
// nothing of the first attempt, so it comes as one. The handler must not look at the debited balance and say overdraft.
func TestLedger_V9aAppRepeatsItsIDAfterItsAgentRestarted(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(ledger.Service())
	host.Call(businesstest.Request(ledger.Name, "open", `{"account":"a","balance":100}`))
	host.Call(businesstest.Request(ledger.Name, "open", `{"account":"b","balance":0}`))
	transfer := businesstest.Request(ledger.Name, "transfer", `{"from":"a","to":"b","amount":100}`)
	transfer.ID = bus.RequestID{Terminal: "t1", App: "2026-01-01T00:00:00Z/invoice-7"}
	first := host.Call(transfer)
	if first.Code != 0 || first.Position.IsZero() {
		t.Fatalf("transfer: %+v", first)
	}
	again := host.Call(transfer)
	if again.Code != 0 || string(again.Body) != string(first.Body) || again.Position != first.Position {
		t.Errorf("repeated: %d %s %s at %v, first %s at %v", again.Code, again.Message, again.Body, again.Position, first.Body, first.Position)
	}
	if r := host.Call(businesstest.Request(ledger.Name, "balance", `{"account":"b"}`)); string(r.Body) != `{"account":"b","balance":100}` {
		t.Errorf("after the repetition: %s", r.Body)
	}
	transfer.ID.App = "2026-01-01T00:00:00Z/invoice-8"
	if r := host.Call(transfer); r.Code != bus.CodeConflict {
		t.Errorf("another transfer of the same: %+v", r)
	}
}
