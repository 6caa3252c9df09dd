package updater

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/services/updater/pairtime"
)

// TestProcess_IdsOfTheFutureAreRefused: the term asks by its own clocks.
func TestProcess_IdsOfTheFutureAreRefused(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.lead(1, false)
	send := func(after time.Duration) int {
		id := bus.RequestID{Terminal: "t", App: time.Now().UTC().Add(after).Format(time.RFC3339Nano) + "/x"}
		return receive(t, "an answer", a.begin(request{Epoch: 1, ID: id, Operations: []bus.Operation{drafttest.Put("k", "v")}})).Code
	}
	if code := send(2 * pairtime.Slack); code != bus.CodeMalformed {
		t.Errorf("an id of the future: %d", code)
	}
	if code := send(pairtime.Slack / 2); code != bus.CodeOK {
		t.Errorf("an id a little ahead: %d", code)
	}
}
