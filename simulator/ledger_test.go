package simulator

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// bank is a ledger in a map.
type bank struct {
	balances map[string]int64
	sequence uint64
}

func (b *bank) do(c call) answer {
	var in struct {
		Account  string `json:"account"`
		Balance  int64  `json:"balance"`
		From, To string
		Amount   int64
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return answer{code: bus.CodeMalformed}
	}
	written := func(body any) answer {
		b.sequence++
		return answer{body: encode(body), position: position.Position{Epoch: 1, Sequence: b.sequence}}
	}
	switch c.operation {
	case "open":
		b.balances[in.Account] = in.Balance
		return written(in)
	case "balance":
		balance, known := b.balances[in.Account]
		if !known {
			return answer{code: bus.CodeAbsent}
		}
		return answer{body: encode(balanceAnswer{&balance})}
	case "total":
		var sum int64
		for _, balance := range b.balances {
			sum += balance
		}
		return answer{body: encode(totalAnswer{&sum})}
	}
	if b.balances[in.From] < in.Amount {
		return answer{code: bus.CodeConflict, message: "overdraft"}
	}
	b.balances[in.From] -= in.Amount
	b.balances[in.To] += in.Amount
	from, to := b.balances[in.From], b.balances[in.To]
	return written(transferAnswer{balanceAnswer{&from}, balanceAnswer{&to}})
}

type ledgerTest struct {
	*ledger
	bank   *bank
	wrongs *findings
}

func newLedgerTest(alone bool) ledgerTest {
	wrongs := newFindings()
	own := &ids{run: "test", now: time.Now}
	shared := newPool("test")
	s := newLedger("test", 0, rand.New(rand.NewPCG(3, 4)), own, wrongs, shared, &total{alone: alone, wrongs: wrongs})
	b := &bank{balances: map[string]int64{}}
	for _, c := range opens(append(s.names(), shared.accounts...), own) {
		b.do(c)
	}
	s.total.see(b.do(totalCall()))
	return ledgerTest{s, b, wrongs}
}

func (l ledgerTest) run(n int) {
	for range n {
		l.settled(l.bank.do(l.next()))
	}
}

// transfer makes calls until one is a transfer out of an own account, and gives it, not yet settled.
func (l ledgerTest) transfer() call {
	for {
		c := l.next()
		if c.operation == "transfer" && l.last.from.own != nil {
			return c
		}
		l.settled(l.bank.do(c))
	}
}

func (l ledgerTest) readBack() {
	for _, c := range append(l.checks(), l.pool.checks(l.wrongs)...) {
		c.judge(l.bank.do(c.call))
	}
	l.total.see(l.bank.do(totalCall()))
}

func TestLedger_FindsNothingInAPairThatKeepsItsWord(t *testing.T) {
	l := newLedgerTest(true)
	l.run(5000)
	l.readBack()
	if words := l.wrongs.examples(); len(words) > 0 {
		t.Error(words)
	}
	if _, _, seen := l.total.state(); seen < 10 {
		t.Errorf("the total was looked at %d times", seen)
	}
}

func TestLedger_FindsEachFault(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault func(ledgerTest)
		want  kind
	}{
		{"transfer is executed twice", func(l ledgerTest) {
			c := l.transfer()
			l.bank.do(c)
			l.settled(l.bank.do(c))
		}, wrong},
		{"transfer is executed again later", func(l ledgerTest) {
			c := l.transfer()
			l.settled(l.bank.do(c))
			l.run(20)
			l.bank.do(c)
		}, wrong},
		{"transfer is lost", func(l ledgerTest) {
			c := l.transfer()
			from, to := l.last.from.name(), l.last.to.name()
			balances := [2]int64{l.bank.balances[from], l.bank.balances[to]}
			l.settled(l.bank.do(c))
			l.bank.balances[from], l.bank.balances[to] = balances[0], balances[1]
		}, wrong},
		{"half of a transfer is lost", func(l ledgerTest) {
			c := l.transfer()
			to := l.last.to.name()
			balance := l.bank.balances[to]
			l.settled(l.bank.do(c))
			l.bank.balances[to] = balance
		}, wrong},
		{"transfer takes effect though it was refused", func(l ledgerTest) {
			l.bank.do(l.transfer())
			l.settled(answer{code: bus.CodeTooLarge})
		}, wrong},
		{"account is gone", func(l ledgerTest) { delete(l.bank.balances, l.accounts[0].name) }, missing},
		{"balance is of before", func(l ledgerTest) {
			c := l.transfer()
			from := l.last.from.own
			before := l.bank.balances[from.name]
			l.settled(l.bank.do(c))
			l.last = ledgerCall{operation: "balance", account: from}
			l.settled(answer{body: encode(balanceAnswer{&before})})
		}, stale},
		{"overdraft that is none", func(l ledgerTest) {
			l.transfer()
			l.settled(answer{code: bus.CodeConflict})
		}, wrong},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedgerTest(true)
			l.run(100)
			test.fault(l)
			l.readBack()
			if l.wrongs.count(test.want) == 0 {
				t.Errorf("nothing %s was found; found %v", test.want, l.wrongs.examples())
			}
		})
	}
}

func TestLedger_UnsettledDoesNotCount(t *testing.T) {
	for _, executed := range []bool{true, false} {
		l := newLedgerTest(true)
		l.run(100)
		for range 3 {
			c := l.transfer()
			if executed {
				l.bank.do(c)
			}
			l.doubtful()
			l.run(20)
		}
		l.readBack()
		if words := l.wrongs.examples(); len(words) > 0 {
			t.Errorf("executed %v: %v", executed, words)
		}
	}
}

func TestTotal_OthersMayOpenAccountsButNothingElse(t *testing.T) {
	sum := func(n int64) answer { return answer{body: encode(totalAnswer{&n})} }
	for _, test := range []struct {
		alone bool
		then  int64
		wrong int
	}{
		{true, 5 * opening, 0}, {true, 6 * opening, 1}, {true, 5*opening - 1, 1},
		{false, 5 * opening, 0}, {false, 6 * opening, 0}, {false, 6*opening - 7, 1},
	} {
		wrongs := newFindings()
		total := &total{alone: test.alone, wrongs: wrongs}
		total.see(sum(5 * opening))
		total.see(sum(test.then))
		if wrongs.count(wrong) != test.wrong {
			t.Errorf("%+v: found %v", test, wrongs.examples())
		}
	}
}

func TestVerdict_NeedsWorkAndChecks(t *testing.T) {
	good := Verdict{Writes: 5, Keys: 3, IDs: 5}
	for name, test := range map[string]struct {
		verdict    Verdict
		operations uint64
		ok         bool
	}{
		"all is well":        {good, 9, true},
		"nothing was done":   {Verdict{Keys: 3}, 0, false},
		"nothing was read":   {Verdict{Writes: 5}, 9, false},
		"one was lost":       {Verdict{Writes: 5, Keys: 3, Missing: 1}, 9, false},
		"one was doubled":    {Verdict{Writes: 5, Keys: 3, Doubled: 1}, 9, false},
		"one was stale":      {Verdict{Writes: 5, Keys: 3, Stale: 1}, 9, false},
		"a balance is wrong": {Verdict{Writes: 5, Keys: 3, Wrong: 1}, 9, false},
		"a check failed":     {Verdict{Writes: 5, Keys: 3, Unread: 1}, 9, false},
	} {
		if test.verdict.decide(test.operations); test.verdict.OK != test.ok {
			t.Errorf("%s: %s", name, test.verdict)
		}
	}
}
