package load

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/hotpair/hotpair/bus"
)

// Verdict is the result of a load.
type Verdict struct {
	Calls      int64 // attempts
	Operations int   // of kv clients, checked by porcupine
	Open       int   // of these without a known outcome
	Failed     int   // requests with ids that got no answer, however often repeated
	Crossed    int   // of these on keys that were written in more than one epoch
	Uniques    int   // acknowledged writes that were read back
	Balances   int   // accounts that were read back
	Totals     int   // ledger totals seen
	Reserved   int   // seats whose reservation ended as expected
	Notices    int   // that all terminals got
	Entries    int   // that accounting received, each once
	Posts      int   // that carried them
	Undecided  bool  // porcupine did not finish
	Picture    string
	Findings
}

// checkWithin bounds porcupine, which is exponential in the worst case.
const checkWithin = 2 * time.Minute

// Finish ends the work, reads everything back and judges it. The pair must be healed: what can't be read back counts
// as wrong. It also calls Close; only Close may be called again.
func (w *Load) Finish(ctx context.Context) (Verdict, error) {
	w.rest()
	reading, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	reader := w.clients[0]
	v := Verdict{Uniques: len(w.uniques), Totals: w.totals}
	w.readUniques(reading, reader)
	v.Balances = w.readBalances(reading, reader)
	w.total(reader)
	v.Reserved = w.readHall(reading, reader)
	v.Notices = w.readBoards(reading)
	if v.Entries = w.readAccounting(ctx); w.office != nil {
		v.Posts = w.office.Counts().Posts
	}
	operations := w.history.sealed()
	v.Operations, v.Crossed = len(operations), crossed(operations)
	for _, op := range operations {
		if op.Output.(got).unknown {
			v.Open++
		}
	}
	w.findings.Stale = append(w.findings.Stale, stale(operations)...)
	result, information := porcupine.CheckOperationsVerbose(model(), operations, checkWithin)
	switch result {
	case porcupine.Illegal:
		v.Picture = filepath.Join(w.config.Dir, w.config.Name+".html")
		if err := porcupine.VisualizePath(model(), information, v.Picture); err != nil {
			v.Picture = "no picture: " + err.Error()
		}
		w.wrong("the history of %d operations is not linearizable, see %s", len(operations), v.Picture)
	case porcupine.Unknown:
		v.Undecided = true
	}
	v.Findings, v.Calls, v.Failed = w.findings, w.Calls(), w.failed
	return v, w.Close()
}

// item is a key in the answer of kv.list.
type item struct {
	Key      string `json:"key"`
	Value    int    `json:"value"`
	Revision uint64 `json:"revision"`
}

// readUniques reads back all keys that are written once. Every acknowledged one must be there, at its acknowledged
// revision: a higher one means that it was executed again.
func (w *Load) readUniques(ctx context.Context, c *client) {
	present := map[string]item{}
	for after := ""; ; {
		a := c.do(ctx, request{service: "kv", operation: "list", body: map[string]any{"prefix": w.config.Name + "-u-", "limit": 1000, "after": after}, reads: true})
		var page struct {
			Items []item `json:"items"`
			More  bool   `json:"more"`
		}
		if a.outcome != definite || a.code != bus.CodeOK || json.Unmarshal(a.body, &page) != nil {
			w.wrong("the keys can't be read back: %d %s", a.code, a.message)
			return
		}
		for _, i := range page.Items {
			present[i.Key] = i
			after = i.Key
		}
		if !page.More {
			break
		}
	}
	for _, u := range w.uniques {
		i, there := present[u.key]
		switch {
		case !there:
			w.findings.Lost = append(w.findings.Lost, fmt.Sprintf("%s, acknowledged at revision %d", u.key, u.revision))
		case i.Revision != u.revision:
			w.findings.Doubled = append(w.findings.Doubled, fmt.Sprintf("%s at revision %d, acknowledged at revision %d", u.key, i.Revision, u.revision))
		case i.Value != u.value:
			w.wrong("%s has %d instead of %d", u.key, i.Value, u.value)
		}
	}
}

// readBalances reads every account back: money that moved twice or never shows there.
func (w *Load) readBalances(ctx context.Context, c *client) int {
	if w.doubt {
		return 0
	}
	for account, balance := range w.balances {
		a := c.do(ctx, request{service: "ledger", operation: "balance", body: map[string]any{"account": account}, reads: true})
		var body struct {
			Balance *int64 `json:"balance"`
		}
		switch {
		case a.outcome != definite || a.code != bus.CodeOK || json.Unmarshal(a.body, &body) != nil || body.Balance == nil:
			w.wrong("balance of %s can't be read back: %d %s", account, a.code, a.message)
		case *body.Balance != balance:
			w.wrong("balance of %s is %d, acknowledged transfers make %d", account, *body.Balance, balance)
		}
	}
	return len(w.balances)
}
