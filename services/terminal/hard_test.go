package terminal

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/services/terminal/web"
)

// What stands too deep in one another is refused in words, by both doors, whether it is to be queued or not; what does not is asked.
func TestHTTP_DeepJSON(t *testing.T) {
	a, url := withHTTP(t, nil)
	asked := 0
	newHost(t, a, "a").attach(1, 1, func(q bus.Request, answer func(bus.Reply)) { asked++; answer(bus.Reply{Body: []byte(`{}`)}) })
	nc := app(t, a)
	nest := func(open, in, end string, depth int) string {
		return strings.Repeat(open, depth) + in + strings.Repeat(end, depth)
	}
	for what, body := range map[string]string{
		"lists":            nest("[", "", "]", maxBody/2),
		"objects":          nest(`{"a":`, "1", "}", maxBody/6),
		"without an end":   strings.Repeat("[", maxBody),
		"objects, no end":  strings.Repeat(`{"a":`, maxBody/5),
		"a little too far": nest("[", "", "]", 10_001),
	} {
		for _, queued := range []bool{false, true} {
			var headers []string
			if queued {
				headers = []string{bus.HeaderQueue, "yes"}
			}
			got := post(t, url+"/v1/kv/put", body, headers...)
			wantProblem(t, got, http.StatusBadRequest, "nothing")
			if !strings.Contains(got.body, "the body") || len(got.body) > 1000 {
				t.Errorf("%s: %.1000s", what, got.body)
			}
			m := request(t, nc, "request.kv.put", body, headers...)
			wantCode(t, m, bus.CodeMalformed)
		}
	}
	if asked != 0 || a.queue.Count() != (queue.Count{}) {
		t.Errorf("%d were asked, %+v are queued", asked, a.queue.Count())
	}
	if got := post(t, url+"/v1/kv/put", nest("[", "", "]", 1000)); got.status != http.StatusOK || asked != 1 {
		t.Errorf("%+v", got)
	}
}

// status is what the agent says of itself.
func status(t *testing.T, url string) (s web.Status) {
	t.Helper()
	got := do(t, t.Context(), http.MethodGet, url+"/v1/status", "")
	if err := json.Unmarshal([]byte(got.body), &s); err != nil {
		t.Fatalf("%+v: %v", got, err)
	}
	return s
}

// quietly starts an agent with a door for HTTP, and keeps what it logs.
func quietly(t *testing.T, dir, id string) (a *running, url string, said *lines) {
	t.Helper()
	said = &lines{}
	a = start(t, dir, func(c *Config) {
		c.ID, c.HTTP.Listen, c.Log = id, processtest.Address(t), slog.New(slog.NewTextHandler(said, nil))
	})
	<-a.HTTP().Ready()
	return a, "http://" + a.HTTP().Address(), said
}

// A queue of another terminal is not done by this one, nor lost: the agent quarantines it, says so in its log and for as long as it is there in its
// state, and queues on; put back where it belongs, all of it is done. So it is with one that is damaged.
func TestAgent_AQueueOfAnotherTerminal(t *testing.T) {
	mine, others := t.TempDir(), t.TempDir()
	a, url, _ := quietly(t, mine, "t1")
	for n := range 3 {
		if got := post(t, url+"/v1/till/sell", fmt.Sprint(n), bus.HeaderQueue, "yes"); got.status != http.StatusAccepted {
			t.Fatalf("%+v", got)
		}
	}
	a.stop()
	if err := os.Rename(filepath.Join(mine, queue.FileName), filepath.Join(others, queue.FileName)); err != nil {
		t.Fatal(err)
	}
	moved := queue.FileName + ".quarantined"
	for round := range 2 { // also after a restart
		b, url, said := quietly(t, others, "t2")
		s := status(t, url)
		if fmt.Sprint(s.Quarantined) != "["+moved+"]" || !strings.Contains(s.Words, "quarantined as "+moved) || s.Queued != round {
			t.Errorf("%+v", s)
		}
		if round == 0 && (!strings.Contains(said.String(), "another terminal's") || !strings.Contains(said.String(), moved)) {
			t.Errorf("it logs %s", said)
		}
		if round == 0 {
			if got := post(t, url+"/v1/till/sell", `"own"`, bus.HeaderQueue, "yes"); got.status != http.StatusAccepted {
				t.Errorf("%+v", got)
			}
		}
		if round == 1 {
			if err := os.Rename(filepath.Join(others, moved), filepath.Join(mine, queue.FileName)); err != nil {
				t.Fatal(err)
			}
			if s := status(t, url); len(s.Quarantined) != 0 || strings.Contains(s.Words, "aside") {
				t.Errorf("%+v", s)
			}
		}
		b.stop()
	}
	a, url, _ = quietly(t, mine, "t1")
	done := make(chan string, 4)
	h := newHost(t, a, "a")
	h.takesQueue(1, 1, 1<<30, func(q bus.Request, answer func(bus.Reply)) {
		done <- string(q.Body)
		answer(bus.Reply{Body: []byte(`{}`)})
	})
	for n := range 3 {
		if got := <-done; got != fmt.Sprint(n) {
			t.Errorf("%s is done, not %d", got, n)
		}
	}
	processtest.Await(t, "its queue to be empty", func() bool { return status(t, url).Queued == 0 })
}

// A second agent on one directory ends at once and says why; the first one has lost nothing and goes on.
func TestAgent_TwoOnOneDirectory(t *testing.T) {
	dir := t.TempDir()
	_, url, _ := quietly(t, dir, "t1")
	queued := 0
	for range 3 {
		if got := post(t, url+"/v1/till/sell", "1", bus.HeaderQueue, "yes"); got.status != http.StatusAccepted {
			t.Fatalf("%+v", got)
		}
		queued++
		for _, id := range []string{"t1", "t2"} {
			err := New(Config{ID: id, Listen: processtest.Address(t), Apps: processtest.Address(t), Key: "key", Data: dir,
				HTTP: web.Config{Listen: processtest.Address(t)}}).Run(t.Context())
			if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: %v", id, err)
			}
		}
	}
	if s := status(t, url); s.Queued != queued || len(s.Quarantined) != 0 {
		t.Errorf("%+v", s)
	}
}
