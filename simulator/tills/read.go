package tills

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/business/ledger"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/terminal/queue"
)

const (
	// reading is how many outcomes are asked for at the same time.
	reading = 8
	// pageOf is how many keys are read at a time.
	pageOf = 1000
)

// errUnread says that the database can't be read back after all faults were healed.
var errUnread = errors.New("can't be read back")

// database is what is there in the end.
type database struct {
	keys     map[string]kv.Item
	balances map[string]int64
}

// outcome is the agent's final state of a queued request.
type outcome struct {
	queue.Told
	text   string
	absent bool // it knows nothing of it
}

// read returns the agent's state of a request.
func read(text string) (end outcome, err error) {
	end.text = text
	if err := json.Unmarshal([]byte(text), &end.Told); err != nil {
		return end, fmt.Errorf("%w: %.200s: %w", errUnread, text, err)
	}
	return end, nil
}

// Finish ends the work, waits until all accepted orders have their outcomes, reads everything back and judges it. All
// faults must be healed. Only Close, which it includes, may be called again. The error says that something could not
// be read; ctx bounds all of it.
func (w *Tills) Finish(ctx context.Context) (v Verdict, err error) {
	defer func() { err = errors.Join(err, w.Close()) }()
	w.rest()
	var db database
	if len(w.tills) == 0 {
		return v, nil
	}
	ends, lists := make([]map[string]outcome, len(w.tills)), make([]listing, len(w.tills))
	var work errgroup.Group
	for i, t := range w.tills {
		work.Go(func() (err error) {
			if ends[i], err = t.outcomes(ctx); err == nil {
				lists[i], err = t.list(ctx, t.lanes[i%len(t.lanes)])
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return v, err
	}
	if db, err = w.read(ctx); err != nil {
		return v, err
	}
	for i, t := range w.tills {
		t.judge(ends[i], db, &v)
		lists[i].judge(t.ID, ends[i], &v)
	}
	w.strangers(db, &v)
	return v, nil
}

// outcomes asks for each outcome of a terminal until it has one.
func (t *till) outcomes(ctx context.Context) (map[string]outcome, error) {
	list := map[string]outcome{}
	var mu sync.Mutex
	var work errgroup.Group
	work.SetLimit(reading)
	for lane, orders := range t.orders {
		for _, o := range orders {
			work.Go(func() error {
				end, err := t.outcome(ctx, t.lanes[lane], o.id)
				if err != nil {
					return fmt.Errorf("order %s: %w", o.name(t.name), err)
				}
				mu.Lock()
				defer mu.Unlock()
				list[o.id] = end
				return nil
			})
		}
	}
	return list, work.Wait()
}

func (t *till) outcome(ctx context.Context, d door, id string) (end outcome, err error) {
	for {
		r, err := d.came(ctx, id)
		switch {
		case err == nil && r.code == bus.CodeAbsent:
			return outcome{absent: true}, nil
		case err == nil && r.code == bus.CodeOK:
			if end, err = read(string(r.body)); err != nil || end.State != queue.Waiting.String() {
				return end, err
			}
		}
		if waits := pace.Rest(ctx, again); waits != nil {
			return end, fmt.Errorf("%w: state %s, %d %s: %w", errUnread, end.State, r.code, r.message, errors.Join(err, waits))
		}
	}
}

// listing is the agent's list of outcomes, in its order.
type listing struct {
	first uint64
	ids   []string
	texts map[string]string // by id
	wrong []string
}

// list reads all outcomes that an agent keeps, page by page.
func (t *till) list(ctx context.Context, d door) (l listing, err error) {
	l.texts = map[string]string{}
	for last, more := uint64(0), true; more; {
		r, err := d.after(ctx, last)
		var page struct {
			Results []json.RawMessage `json:"results"`
			First   uint64            `json:"first,string"`
			More    bool              `json:"more"`
		}
		if err == nil && r.code == bus.CodeOK {
			err = json.Unmarshal(r.body, &page)
		}
		if err != nil || r.code != bus.CodeOK {
			if waits := pace.Rest(ctx, again); waits != nil {
				return l, fmt.Errorf("%w: outcomes after %d: %d %s: %w", errUnread, last, r.code, r.message, errors.Join(err, waits))
			}
			continue
		}
		if more = page.More; more && len(page.Results) == 0 {
			return l, fmt.Errorf("%w: outcomes after %d: an empty page that says more follows", errUnread, last)
		}
		l.first = page.First
		for _, raw := range page.Results {
			one, err := read(string(raw))
			if err != nil {
				return l, err
			}
			if one.Number <= last {
				l.wrong = append(l.wrong, fmt.Sprintf("outcome %d is listed after %d", one.Number, last))
			}
			last = one.Number
			l.ids, l.texts[one.ID] = append(l.ids, one.ID), one.text
		}
	}
	return l, nil
}

// read reads the database, through any terminal.
func (w *Tills) read(ctx context.Context) (db database, err error) {
	db = database{keys: map[string]kv.Item{}, balances: map[string]int64{}}
	t := w.tills[0]
	for after, more := "", true; more; {
		var page kv.Listed
		if err := t.get(ctx, question{service: kv.Name, operation: "list", body: kv.List{Prefix: w.config.Name + "/", Limit: pageOf, After: after}}, &page); err != nil {
			return db, err
		}
		for _, item := range page.Items {
			db.keys[item.Key], after = item, item.Key
		}
		more = page.More
	}
	for _, t := range w.tills {
		accounts := []string{t.safe()}
		for lane := range t.lanes {
			accounts = append(accounts, t.account(lane))
		}
		for _, account := range accounts {
			var b ledger.Balance
			if err := t.get(ctx, question{service: ledger.Name, operation: "balance", body: ledger.AskBalance{Account: account}}, &b); err != nil {
				return db, err
			}
			db.balances[account] = b.Balance
		}
	}
	return db, nil
}

// get asks for what only reads, until it is answered.
func (t *till) get(ctx context.Context, q question, into any) error {
	for {
		r, err := t.lanes[0].ask(ctx, q)
		if err == nil && r.code == bus.CodeOK {
			return json.Unmarshal(r.body, into)
		}
		if waits := pace.Rest(ctx, again); waits != nil {
			return fmt.Errorf("%w: %s: %d %s: %w", errUnread, q.operation, r.code, r.message, errors.Join(err, waits))
		}
	}
}
