package simulator

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/hotpair/hotpair/bus"
)

const (
	// opening is the balance that every account is opened with. Amounts are far below it, so that overdrafts are
	// rare, and every run opens whole multiples of it: a total that changes by anything else is a torn transfer, even
	// when other runs open accounts at the same time.
	opening    = 1_000_000
	mostAmount = 1000

	accountsEach = 4 // of one client, which alone uses them
	poolAccounts = 8 // shared by all clients of a run, so that transfers meet
)

// pool are the accounts that all clients of a run share. Every acknowledged transfer is known, so their balances are
// known once all clients have ended.
type pool struct {
	accounts []string
	mu       sync.Mutex
	deltas   map[string]int64
	doubts   map[string][]int64
}

func newPool(run string) *pool {
	p := &pool{deltas: map[string]int64{}, doubts: map[string][]int64{}}
	for i := range poolAccounts {
		p.accounts = append(p.accounts, fmt.Sprintf("sim-%s-pool-%d", run, i))
	}
	return p
}

func (p *pool) move(account string, amount int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deltas[account] += amount
}

func (p *pool) doubt(account string, amount int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubts[account] = append(p.doubts[account], amount)
}

// ledger is the script of one client of service ledger.
type ledger struct {
	random *rand.Rand
	ids    *ids
	wrongs *findings
	pool   *pool
	total  *total

	accounts []*account
	last     ledgerCall
}

// account is one that this client alone uses.
type account struct {
	name    string
	balance int64
	doubts  []int64 // what unsettled transfers may have added
}

type ledgerCall struct {
	operation string
	account   *account // of balance
	from, to  end
	amount    int64
}

// end is one side of a transfer: one of the client's accounts, or one of the pool.
type end struct {
	own    *account
	pooled string
}

func (e end) name() string {
	if e.own != nil {
		return e.own.name
	}
	return e.pooled
}

type openBody struct {
	Account string `json:"account"`
	Balance int64  `json:"balance"`
}

type transferBody struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`
}

type accountBody struct {
	Account string `json:"account"`
}

type balanceAnswer struct {
	Balance *int64 `json:"balance"`
}

type transferAnswer struct {
	From balanceAnswer `json:"from"`
	To   balanceAnswer `json:"to"`
}

func newLedger(run string, client int, random *rand.Rand, ids *ids, wrongs *findings, pool *pool, total *total) *ledger {
	s := &ledger{random: random, ids: ids, wrongs: wrongs, pool: pool, total: total}
	for i := range accountsEach {
		s.accounts = append(s.accounts, &account{name: fmt.Sprintf("sim-%s-%d-%d", run, client, i), balance: opening})
	}
	return s
}

// opens are the calls that open accounts, before the run.
func opens(names []string, ids *ids) []call {
	var list []call
	for _, name := range names {
		list = append(list, call{service: "ledger", operation: "open", body: encode(openBody{name, opening}), id: ids.next()})
	}
	return list
}

func (s *ledger) names() []string {
	var names []string
	for _, a := range s.accounts {
		names = append(names, a.name)
	}
	return names
}

func (s *ledger) next() call {
	own := s.accounts[s.random.IntN(len(s.accounts))]
	switch n := s.random.IntN(200); {
	case n == 0:
		s.last = ledgerCall{operation: "total"}
		return totalCall()
	case n < 50:
		s.last = ledgerCall{operation: "balance", account: own}
		return balanceCall(own.name)
	}
	s.last = ledgerCall{operation: "transfer", from: end{own: own}, amount: 1 + s.random.Int64N(mostAmount)}
	if s.random.IntN(2) == 0 {
		s.last.to = end{own: s.accounts[(s.index(own)+1)%len(s.accounts)]}
	} else {
		s.last.to = end{pooled: s.pool.accounts[s.random.IntN(len(s.pool.accounts))]}
		if s.random.IntN(2) == 0 {
			s.last.from, s.last.to = s.last.to, s.last.from
		}
	}
	body := transferBody{s.last.from.name(), s.last.to.name(), s.last.amount}
	return call{service: "ledger", operation: "transfer", body: encode(body), id: s.ids.next()}
}

func (s *ledger) index(a *account) int {
	for i, other := range s.accounts {
		if other == a {
			return i
		}
	}
	return 0
}

func balanceCall(account string) call {
	return call{service: "ledger", operation: "balance", body: encode(accountBody{account})}
}

func (s *ledger) settled(a answer) {
	switch s.last.operation {
	case "total":
		s.total.see(a)
	case "balance":
		judgeBalance(s.wrongs, s.last.account.name, s.last.account.balance, s.last.account.doubts, a, stale)
	case "transfer":
		s.settledTransfer(a)
	}
}

func (s *ledger) settledTransfer(a answer) {
	switch {
	case a.ok():
		s.move(s.last.from, -s.last.amount)
		s.move(s.last.to, s.last.amount)
		s.compareSides(a)
	case a.code == bus.CodeConflict && s.last.from.own != nil && s.last.from.own.balance >= s.last.amount && len(s.last.from.own.doubts) == 0:
		s.wrongs.add(wrong, "transfer of %d from %s, which has %d: %s", s.last.amount, s.last.from.name(), s.last.from.own.balance, a)
	case a.code == bus.CodeAbsent:
		s.wrongs.add(missing, "transfer from %s to %s, both opened: %s", s.last.from.name(), s.last.to.name(), a)
	}
}

// compareSides compares the balances in a transfer's answer with the client's accounts.
func (s *ledger) compareSides(a answer) {
	var got transferAnswer
	if err := a.decode(&got); err != nil {
		s.wrongs.add(wrong, "transfer: %v", err)
		return
	}
	for _, side := range []struct {
		end end
		got balanceAnswer
	}{{s.last.from, got.From}, {s.last.to, got.To}} {
		if own := side.end.own; own != nil {
			judgeBalance(s.wrongs, own.name, own.balance, own.doubts, answer{body: encode(side.got)}, wrong)
		}
	}
}

func (s *ledger) move(e end, amount int64) {
	if e.own == nil {
		s.pool.move(e.pooled, amount)
		return
	}
	e.own.balance += amount
}

func (s *ledger) doubtful() {
	if s.last.operation != "transfer" {
		return
	}
	for _, side := range []struct {
		end    end
		amount int64
	}{{s.last.from, -s.last.amount}, {s.last.to, s.last.amount}} {
		if side.end.own == nil {
			s.pool.doubt(side.end.pooled, side.amount)
		} else {
			side.end.own.doubts = append(side.end.own.doubts, side.amount)
		}
	}
}

func (s *ledger) checks() []check {
	var list []check
	for _, own := range s.accounts {
		list = append(list, check{balanceCall(own.name), func(a answer) {
			judgeBalance(s.wrongs, own.name, own.balance, own.doubts, a, wrong)
		}})
	}
	return list
}

// checks of the shared accounts, once every client has ended.
func (p *pool) checks(wrongs *findings) []check {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []check
	for _, name := range p.accounts {
		want, doubts := opening+p.deltas[name], p.doubts[name]
		list = append(list, check{balanceCall(name), func(a answer) { judgeBalance(wrongs, name, want, doubts, a, wrong) }})
	}
	return list
}

// judgeBalance compares a balance with the acknowledged transfers. Each doubtful transfer may count or not.
func judgeBalance(wrongs *findings, account string, want int64, doubts []int64, a answer, difference kind) {
	if a.code == bus.CodeAbsent {
		wrongs.add(missing, "account %s, which was opened: %s", account, a)
		return
	}
	if !a.ok() {
		return
	}
	var got balanceAnswer
	if err := a.decode(&got); err != nil || got.Balance == nil {
		wrongs.add(wrong, "balance of %s: no balance in %s (%v)", account, a.body, err)
		return
	}
	if !reachable(*got.Balance-want, doubts) {
		wrongs.add(difference, "account %s has %d, but its acknowledged transfers make %d (unsettled: %v)", account, *got.Balance, want, doubts)
	}
}

// reachable tells whether some of the doubtful amounts sum up to a difference. Beyond a dozen of them everything within
// their range counts, since trying all sets would take too long.
func reachable(difference int64, doubts []int64) bool {
	if len(doubts) > 12 {
		var least, most int64
		for _, d := range doubts {
			least, most = least+min(d, 0), most+max(d, 0)
		}
		return difference >= least && difference <= most
	}
	if len(doubts) == 0 {
		return difference == 0
	}
	return reachable(difference, doubts[1:]) || reachable(difference-doubts[0], doubts[1:])
}
