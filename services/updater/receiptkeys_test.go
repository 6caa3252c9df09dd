package updater

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
)

func receiptKeysOf(h *host) receipt.Keys {
	h.t.Helper()
	return ordered(h, receipt.CallKeys, receipt.KeysQuestion{})
}

// TestReceiptKeys_AreDataOfThePair: the first host that serves makes the key, both hosts have the same, and it outlives restarts
// and a takeover.
func TestReceiptKeys_AreDataOfThePair(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	if got := receiptKeysOf(a); len(got.Keys) != 0 {
		t.Fatalf("before anybody serves: %d keys", len(got.Keys))
	}
	a.lead(1, false)
	a.pairUp(1)
	first := receiptKeysOf(a)
	if len(first.Keys) != 1 || len(first.Keys[0].Secret) != 32 {
		t.Fatalf("%d keys", len(first.Keys))
	}
	if diff := cmp.Diff(first, receiptKeysOf(a)); diff != "" {
		t.Errorf("asked again:\n%s", diff)
	}
	// The other host hears that it is committed with the frame behind it.
	at := a.put(1, "x", "1").Position
	a.put(1, "x", "2")
	b.await("b has it", func(s bus.UpdaterState) bool { return s.Committed.Sequence >= at.Sequence })
	if diff := cmp.Diff(first, receiptKeysOf(b)); diff != "" {
		t.Errorf("at the other host:\n%s", diff)
	}
	a.stop()
	b.lead(2, false)
	if diff := cmp.Diff(first, receiptKeysOf(b)); diff != "" {
		t.Errorf("after a takeover:\n%s", diff)
	}
	b.stop()
	b.start()
	if diff := cmp.Diff(first, receiptKeysOf(b)); diff != "" {
		t.Errorf("after a restart:\n%s", diff)
	}
}

// TestReceiptKeys_TwoAreValid: a new key signs, and the one before is known; one before that is not. It is made when an operator
// wants it, not within a time in which terminals show receipts of the one before, and when the pair's secret has changed.
func TestReceiptKeys_TwoAreValid(t *testing.T) {
	a, _ := newHosts(t)
	var later atomic.Int64
	a.wall = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	a.start()
	if err := refused(a, receipt.CallRotate, receipt.Rotate{}); !strings.Contains(err.Error(), "does not serve") {
		t.Errorf("at a host that does not serve: %v", err)
	}
	a.lead(1, false)
	first := receiptKeysOf(a).Keys
	if err := refused(a, receipt.CallRotate, receipt.Rotate{}); !strings.Contains(err.Error(), "two keys are valid at a time") {
		t.Errorf("at once: %v", err)
	}
	later.Store(int64(receipt.Settles + time.Second))
	ordered(a, receipt.CallRotate, receipt.Rotate{})
	second := receiptKeysOf(a).Keys
	if len(second) != 2 || !cmp.Equal(second[1], first[0]) || cmp.Equal(second[0].Secret, first[0].Secret) {
		t.Fatalf("after a change: %d keys", len(second))
	}
	a.stop()
	a.config.PairSecret = "another secret of the pair"
	a.start()
	a.lead(2, false)
	third := receiptKeysOf(a).Keys
	if len(third) != 2 || !cmp.Equal(third[1], second[0]) || cmp.Equal(third[0].Secret, second[0].Secret) {
		t.Fatalf("after a change of the secret: %d keys", len(third))
	}
	if again := receiptKeysOf(a).Keys; !cmp.Equal(again, third) {
		t.Error("the same secret makes another key")
	}
	// Names of keys are in the history, and nothing of what is in them.
	page, err := json.Marshal(ordered(a, bus.CallHistory, bus.HistoryRequest{Limit: 100}))
	if err != nil || !strings.Contains(string(page), bus.SystemReceipts) {
		t.Fatalf("%s, %v", page, err)
	}
	for _, k := range third {
		secret, _ := json.Marshal(k.Secret)
		if strings.Contains(string(page), strings.Trim(string(secret), `"`)) {
			t.Error("the history shows a key")
		}
	}
}
