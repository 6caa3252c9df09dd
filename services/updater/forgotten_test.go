package updater

import (
	"fmt"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage/backup"
)

// shortly is a retention that passes while a test waits.
const shortly = 100 * time.Millisecond

// appID is an id that an application made now.
func appID() bus.RequestID {
	return bus.RequestID{Terminal: "t", App: time.Now().UTC().Format(time.RFC3339Nano) + "/x"}
}

// transfer is a request under an id of an application; each time it is executed the key has another revision.
func (h *host) transfer(epoch uint64, id bus.RequestID) bus.DatabaseReply {
	h.t.Helper()
	return receive(h.t, "the answer of "+h.name, h.begin(request{
		Epoch: epoch, ID: id, Operations: []bus.Operation{drafttest.Put("account", "100")}, Record: true, Answer: bus.Answer{Body: []byte(`{}`)}}))
}

// executeAndForget executes a request, and returns when its answer is not remembered any more.
func (h *host) executeAndForget(epoch uint64) bus.RequestID {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	id := appID()
	for r := h.transfer(epoch, id); r.Code != bus.CodeOK || r.Recorded != nil; r = h.transfer(epoch, id) {
		if r.Code != bus.CodeTooOld || time.Now().After(deadline) { // on a busy machine it may have been on its way for longer than it is remembered
			h.t.Fatalf("%s: executed as %+v", h.name, r)
		}
		id = appID()
	}
	for {
		h.put(epoch, "time", "goes on") // pair time is that of the updates
		r := h.transfer(epoch, id)
		if r.Code == bus.CodeTooOld {
			return id
		}
		if r.Recorded == nil {
			h.t.Fatalf("%s: repeated as %+v", h.name, r)
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: it is still remembered", h.name)
		}
	}
}

// stillForgotten wants a forgotten request refused, and not executed again.
func (h *host) stillForgotten(epoch uint64, id bus.RequestID) {
	h.t.Helper()
	before := h.get("account")
	if r := h.transfer(epoch, id); r.Code != bus.CodeTooOld {
		h.t.Errorf("%s: a request whose answer was forgotten got %d %q at %v, want %d", h.name, r.Code, r.Message, r.Position, bus.CodeTooOld)
	}
	if after := h.get("account"); after != before {
		h.t.Errorf("%s: it took effect again: %s, then %s", h.name, before, after)
	}
}

// TestFault_A1_RaisedRetentionRunsNothingAgain: what was too old was worked out from the setting. A pair that was started again with a
// longer retention took the ids whose answers it had deleted for new ones, and did them again.
func TestFault_A1_RaisedRetentionRunsNothingAgain(t *testing.T) {
	a, _ := newHosts(t)
	a.config.Retention = shortly
	a.start()
	a.lead(1, false)
	id := a.executeAndForget(1)
	a.stop()
	a.config.Retention = time.Hour
	a.start()
	a.serve(bus.Serve{Epoch: 1, RecordVersion: 1, Resume: true})
	a.stillForgotten(1, id)
	a.put(1, "time", "goes on")
	a.stillForgotten(1, id)
}

// TestFault_A1_UnequalRetentionsRunNothingAgain: each host judged by its own setting. The one that keeps answers for longer took over,
// and took what the other had refused as too old for new.
func TestFault_A1_UnequalRetentionsRunNothingAgain(t *testing.T) {
	a, b := newHosts(t)
	a.config.Retention, b.config.Retention = shortly, time.Hour
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	id := a.executeAndForget(1)
	end := a.put(1, "last", "1").Position
	a.stop()
	b.await("it has all", func(s bus.UpdaterState) bool { return !s.Position.Before(end) })
	b.lead(2, false)
	b.stillForgotten(2, id)
}

// TestFault_A1_LoweredRetentionRemembersWhatIsThere: a host that keeps answers for a shorter time takes over. It may forget from now
// on, and until it does, it repeats what is recorded.
func TestFault_A1_LoweredRetentionRemembersWhatIsThere(t *testing.T) {
	a, b := newHosts(t)
	b.config.Retention = shortly
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	id := appID()
	if r := a.transfer(1, id); r.Code != bus.CodeOK {
		t.Fatalf("executed as %+v", r)
	}
	end := a.put(1, "last", "1").Position
	for began := time.Now(); time.Since(began) < 2*shortly; { // its age is what is tested
		end = a.put(1, "time", "goes on").Position
	}
	a.stop()
	b.await("it has all", func(s bus.UpdaterState) bool { return !s.Position.Before(end) })
	b.lead(2, false)
	if r := b.transfer(2, id); r.Recorded == nil && r.Code != bus.CodeTooOld {
		t.Errorf("repeated as %+v", r)
	}
}

// TestFault_A2_RestoreKeepsWhatThePairKeeps: the restore opened the new database with a retention of its own, a day, and forgot answers
// of a pair that keeps them for longer while it replayed the history.
func TestFault_A2_RestoreKeepsWhatThePairKeeps(t *testing.T) {
	a, _ := newHosts(t)
	a.config.Retention = 72 * time.Hour
	a.start()
	a.lead(1, false)
	id := bus.RequestID{Terminal: "t", App: time.Now().UTC().Add(-48*time.Hour).Format(time.RFC3339Nano) + "/x"}
	if r := a.transfer(1, id); r.Code != bus.CodeOK {
		t.Fatalf("executed as %+v", r)
	}
	for i := range 200 {
		a.put(1, fmt.Sprintf("k%03d", i), fmt.Sprintf("%0*d", 8000, i)) // several pieces
	}
	a.await("all is applied", func(s bus.UpdaterState) bool { return s.Applied.Sequence > 200 })
	page := ordered(a, bus.CallBackup, bus.BackupOrder{})
	a.put(1, "meanwhile", "1") // history, for the restore to replay
	path, _ := a.backUpFrom(page)
	a.stop()

	c := newHost(t, "c", processtest.Address(t), processtest.Address(t))
	c.config.Retention = a.config.Retention
	if _, err := backup.Restore(t.Context(), backup.RestoreConfig{File: path, Proof: proof(), Dir: c.config.Data, Host: "c"}); err != nil {
		t.Fatal(err)
	}
	c.start()
	c.lead(2, false)
	if got := c.get("meanwhile"); got != "1@203" {
		t.Errorf("restored without what came in meanwhile: %s", got)
	}
	if r := c.transfer(2, id); r.Recorded == nil || r.Position.Sequence != 2 {
		t.Errorf("repeated after the restore as %+v", r)
	}
}

// TestFault_A2_RestoreCarriesWhatIsForgotten: and what the pair has forgotten, the restored host must not take for new.
func TestFault_A2_RestoreCarriesWhatIsForgotten(t *testing.T) {
	a, _ := newHosts(t)
	a.config.Retention = shortly
	a.start()
	a.lead(1, false)
	id := a.executeAndForget(1)
	path, _ := a.backUp()
	a.stop()

	c := newHost(t, "c", processtest.Address(t), processtest.Address(t)) // which keeps answers for an hour
	if _, err := backup.Restore(t.Context(), backup.RestoreConfig{File: path, Proof: proof(), Dir: c.config.Data, Host: "c"}); err != nil {
		t.Fatal(err)
	}
	c.start()
	c.lead(2, false)
	c.stillForgotten(2, id)
}
