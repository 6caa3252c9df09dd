package link

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/services/link/linktest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// watchedRemote is a Remote that runs, with all evidence it has told.
type watchedRemote struct {
	*Remote
	mu   sync.Mutex
	seen []Evidence
}

func watch(t *testing.T, address, password string) *watchedRemote {
	t.Helper()
	w := &watchedRemote{}
	w.Remote = NewRemote(RemoteConfig{
		Purpose: "test", ServerPrefix: journal.ServerPrefix, User: journal.PeerUser, Inbox: journal.PeerInbox,
		Host: "a", Peer: "b", Address: address, Password: password, Handshake: 300 * time.Millisecond, Ping: 20 * time.Millisecond,
		Changed: func(e Evidence) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen = append(w.seen, e)
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *watchedRemote) states() (states []evidence.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.seen {
		states = append(states, e.State)
	}
	return states
}

func (w *watchedRemote) awaitEvidence(t *testing.T, state evidence.State) Evidence {
	t.Helper()
	processtest.Await(t, "evidence "+state.String(), func() bool { return w.Evidence().State == state })
	return w.Evidence()
}

// A port that refuses proves nothing before a connection to it has ended; then it does, at once, until somebody listens.
func TestRemote_RefusedOnlyAfterEnded(t *testing.T) {
	address := processtest.Address(t)
	w := watch(t, address, secret)
	time.Sleep(50 * time.Millisecond) // not a condition: many dials are refused meanwhile, and none may be told
	if s := w.states(); len(s) != 0 {
		t.Fatal("evidence from a port that never answered:", s)
	}
	c := journal.Config{Host: "b", Dir: t.TempDir(), Listen: address, Password: secret}
	j := journal.New(c)
	if err := j.Open(journaltest.Within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	up := w.awaitEvidence(t, evidence.Connected)
	conn, err := w.Await(journaltest.Within(t, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	closed := time.Now()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	down := w.awaitEvidence(t, evidence.Refused)
	t.Logf("refused %v after the close began", time.Since(closed))
	if down.At <= up.At || conn.Up().Err() == nil {
		t.Fatal(up, down)
	}
	j = journal.New(c)
	if err := j.Open(journaltest.Within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	w.awaitEvidence(t, evidence.Connected)
	for i, s := range w.states() {
		if want := []evidence.State{evidence.Connected, evidence.Ended, evidence.Refused, evidence.Ended, evidence.Connected}; s != want[i] {
			t.Fatal(w.states())
		}
	}
}

// A process that is stopped, or a cable that is cut, is silence: the kernel still accepts.
func TestRemote_SilenceIsNotRefused(t *testing.T) {
	j := openJournal(t)
	r := linktest.NewRelay(t, j.Address())
	w := watch(t, r.Addr().String(), secret)
	w.awaitEvidence(t, evidence.Connected)
	r.Set(true)
	w.awaitEvidence(t, evidence.Silent)
	time.Sleep(400 * time.Millisecond) // a handshake or two without an answer
	r.Close()
	time.Sleep(50 * time.Millisecond) // now refused, but no connection had ended
	for _, s := range w.states() {
		if s == evidence.Ended || s == evidence.Refused {
			t.Fatal(w.states())
		}
	}
}

// A wrong secret is no connection, and no proof of a death.
func TestRemote_WrongPassword(t *testing.T) {
	j := openJournal(t)
	w := watch(t, j.Address(), "another secret")
	processtest.Await(t, "an authorization error", func() bool { return w.Evidence().Err != nil })
	time.Sleep(30 * time.Millisecond) // nor is this: later dials are refused too, and none may be told
	if s := w.states(); len(s) != 0 {
		t.Fatal(s)
	}
}

// A reset counts as ended, like a close.
func TestRemote_Reset(t *testing.T) {
	j := openJournal(t)
	r := linktest.NewRelay(t, j.Address())
	w := watch(t, r.Addr().String(), secret)
	w.awaitEvidence(t, evidence.Connected)
	r.Reset()
	w.awaitEvidence(t, evidence.Refused)
}
