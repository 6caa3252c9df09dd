package ledger_test

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/ledger"
)

// TestFault_B5_NoNameIsTakenForAnother: a transfer to "Müller" in Latin-1 came to the account "Möller", of two amounts the last
// one was moved, AMOUNT counted for amount, and null opened an account with 0. None of it does anything now.
func TestFault_B5_NoNameIsTakenForAnother(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(ledger.Service())
	host.Call(businesstest.Request(ledger.Name, "open", `{"account":"a","balance":1000}`))
	host.Call(businesstest.Request(ledger.Name, "open", `{"account":"b"}`))
	for _, c := range []struct{ operation, body, said string }{
		{"open", "{\"account\":\"M\xf6ller\"}", "no UTF-8"},
		{"transfer", "{\"from\":\"a\",\"to\":\"M\xfcller\",\"amount\":1}", "no UTF-8"},
		{"open", `{"account":"\ud800"}`, "half of a character"},
		{"transfer", `{"from":"a","to":"b","amount":1,"AMOUNT":500}`, `write "amount"`},
		{"transfer", `{"from":"a","to":"b","amount":1,"amount":500}`, "stands twice"},
		{"open", `{"account":"c","balance":null}`, "is null"},
		{"open", `null`, "is null"},
		{"open", `{"account":"c"} {}`, "nothing after it"},
	} {
		reply := host.Call(businesstest.Request(ledger.Name, c.operation, c.body))
		if reply.Code != 400 || !strings.Contains(reply.Message, c.said) {
			t.Errorf("%s %q: %d %q %s, want 400 with %q", c.operation, c.body, reply.Code, reply.Message, reply.Body, c.said)
		}
	}
	if reply := host.Call(businesstest.Request(ledger.Name, "total", `{}`)); string(reply.Body) != `{"total":1000,"accounts":2}` {
		t.Errorf("total %s", reply.Body)
	}
	if reply := host.Call(businesstest.Request(ledger.Name, "balance", `{"account":"b"}`)); string(reply.Body) != `{"account":"b","balance":0}` {
		t.Errorf("b has %s", reply.Body)
	}
}
