package load

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/hotpair/hotpair/bus"
)

// driveLedger moves money, and checks the total now and then.
func (w *Load) driveLedger(c *client, random *rand.Rand) {
	for w.working.Load() {
		if random.IntN(20) == 0 {
			w.total(c)
		}
		from := random.IntN(accounts)
		to := (from + 1 + random.IntN(accounts-1)) % accounts
		w.transfer(c, fmt.Sprintf("%s-%d", w.config.Name, from), fmt.Sprintf("%s-%d", w.config.Name, to), 1+random.Int64N(30))
		w.think(random)
	}
}

func (w *Load) transfer(c *client, from, to string, amount int64) {
	r := request{service: "ledger", operation: "transfer", body: map[string]any{"from": from, "to": to, "amount": amount}, id: c.newID()}
	a := c.do(w.settling, r)
	w.settled(r, a)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case a.outcome == unknown:
		w.doubt = true
	case a.outcome == never, a.code == bus.CodeConflict: // overdraft
	case a.code != bus.CodeOK:
		w.findings.Wrong = append(w.findings.Wrong, fmt.Sprintf("transfer from %s to %s: %d %s", from, to, a.code, a.message))
	default:
		w.balances[from] -= amount
		w.balances[to] += amount
	}
}

// total asks for the ledger's total: whole multiples of the opening balance, in every round.
func (w *Load) total(c *client) {
	a := c.do(w.settling, request{service: "ledger", operation: "total", body: struct{}{}, reads: true})
	if a.outcome != definite {
		return
	}
	var body struct {
		Total *int64 `json:"total"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil || body.Total == nil || *body.Total%(int64(opening*accounts)) != 0 {
		w.wrong("ledger total: %d %s", a.code, a.body)
		return
	}
	w.mu.Lock()
	w.totals++
	w.mu.Unlock()
}
