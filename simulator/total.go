package simulator

import "sync"

// total checks the sum of all accounts. Transfers never change it. Other runs may open accounts meanwhile, each with
// opening; alone says that there are none.
type total struct {
	alone  bool
	wrongs *findings

	mu     sync.Mutex
	known  bool
	first  int64
	latest int64
	seen   int
}

type totalAnswer struct {
	Total *int64 `json:"total"`
}

func totalCall() call {
	return call{service: "ledger", operation: "total", body: []byte("{}")}
}

// see judges one answer. Answers may come in any order.
func (t *total) see(a answer) {
	if !a.ok() {
		return
	}
	var got totalAnswer
	if err := a.decode(&got); err != nil || got.Total == nil {
		t.wrongs.add(wrong, "total: none in %s (%v)", a.body, err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen++
	if !t.known {
		t.known, t.first = true, *got.Total
	}
	t.latest = *got.Total
	change := *got.Total - t.first
	if change != 0 && (t.alone || change%opening != 0) {
		t.wrongs.add(wrong, "ledger total is %d, it was %d at the start", *got.Total, t.first)
	}
}

func (t *total) state() (first, latest int64, seen int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first, t.latest, t.seen
}
