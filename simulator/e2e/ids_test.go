package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// TestIDs_OfAnotherTimeAreRefusedAndSayWhy: from an application's own client through a whole pair. An id that is older
// than answers are kept is never executed, one of the future neither; one of now is executed once.
func TestIDs_OfAnotherTimeAreRefusedAndSayWhy(t *testing.T) {
	sideBySide(t)
	if testing.Short() {
		t.Skip("starts a pair")
	}
	c := startCluster(t, []string{"--terminals", "1"}, "HOTPAIR_RETENTION=1h")
	c.awaitPaired()
	nc, err := nats.Connect(c.File().Terminals[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	add := func(issued time.Time) (code, text string) {
		m := nats.NewMsg("request.ledger.open")
		m.Header.Set(bus.HeaderRequestID, issued.UTC().Format(time.RFC3339Nano)+"/open")
		m.Data = []byte(`{"account":"x","balance":1}`)
		reply, err := nc.RequestMsg(m, healWithin)
		if err != nil {
			t.Fatal(err)
		}
		return reply.Header.Get(bus.HeaderErrorCode), reply.Header.Get(bus.HeaderError) + string(reply.Data)
	}
	for _, test := range []struct {
		ago  time.Duration
		code string
		says string
	}{
		{2 * time.Hour, "410", "older than the remembered requests"},
		{-2 * time.Hour, "400", "in the future"},
	} {
		if code, text := add(time.Now().Add(-test.ago)); code != test.code || !strings.Contains(text, test.says) {
			t.Errorf("issued %v ago: %s %s", test.ago, code, text)
		}
	}
	now := time.Now()
	code, first := add(now)
	if code != "" {
		t.Errorf("issued now: %s %s", code, first)
	}
	if code, again := add(now); code != "" || again != first {
		t.Errorf("repeated: %s %s, before %s", code, again, first)
	}
	if code, text := add(now.Add(time.Millisecond)); code != "409" {
		t.Errorf("another id opens the account again: %s %s", code, text)
	}
}
