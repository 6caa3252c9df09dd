package terminal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal/web"
)

// gates is a pair that tells a terminal commands, in memory: it outlives agents and hosts.
type gates struct {
	mu   sync.Mutex
	list []commands.Command // by the sequence of their numbers, from 1
	now  int64
	// seam stands between what is judged and its answer; nil is none.
	seam func(q bus.Request, verdict commands.Verdict, answer func())
}

// take is what the updater does.
func (g *gates) take(q bus.Request, answer func(bus.Reply)) {
	var asked notice.Taking
	if err := bus.DecodeJSON(q.Body, &asked); err != nil || !q.Own || q.Service != notice.System {
		answer(bus.Reply{Code: bus.CodeMalformed, Message: fmt.Sprint(q, err)})
		return
	}
	_, n, err := notice.ParseID(asked.ID)
	g.mu.Lock()
	var is *commands.Command
	if at := int(n.Sequence) - 1; err == nil && at < len(g.list) {
		is = &g.list[at]
	}
	judge, by := commands.Take, commands.Taker{Directory: asked.Directory, Token: asked.Token}
	if q.Operation == notice.OperationDone {
		judge = commands.Finish
	}
	next, v := judge(is, by, commands.Facts{Now: g.now})
	if is != nil {
		*is = next
	}
	seam := g.seam
	g.mu.Unlock()
	taken := notice.Taken{Verdict: v.String()}
	if v == commands.First {
		taken.Body = fmt.Appendf(nil, `{"gate":%d}`, n.Sequence)
	}
	reply := func() { answer(bus.Reply{Body: bus.EncodeJSON(taken)}) }
	if seam == nil {
		reply()
		return
	}
	seam(q, v, reply)
}

func (g *gates) through(seam func(bus.Request, commands.Verdict, func())) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seam = seam
}

// make makes commands.
func (g *gates) make(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range n {
		g.list = append(g.list, commands.Command{Number: notices.Number{Epoch: 1, Sequence: uint64(len(g.list) + 1)}, Until: g.now + int64(time.Hour)})
	}
}

// serve attaches a host of the pair and tells the terminal what it has not had.
func (g *gates) serve(t testing.TB, url string, attach uint64) *host {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{Name: "x", URL: url, User: bus.AgentUser, Password: "key", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	h := &telling{host: &host{t: t, name: "x", conn: conn, base: 1 << 17}, session: fmt.Sprintf("x-1-%d", attach), epoch: 1}
	got := h.attach(1, attach, g.take)
	if !got.OK || got.Notices == nil {
		t.Fatalf("%+v", got)
	}
	h.cursor = *got.Notices
	g.tell(h)
	return h.host
}

// tell tells a terminal what it has not had.
func (g *gates) tell(h *telling) {
	h.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	b := notice.Batch{Epoch: 1}
	said := h.cursor
	h.cursor.Pair = "pair"
	b.Resume = &notices.Resumed{From: said, Cursor: h.cursor}
	for count := h.cursor.Marks[notices.Own].Count; count < uint64(len(g.list)); count++ {
		h.serial++
		b.Messages = append(b.Messages, notice.Message{
			Message: notices.Message{Serial: h.serial, Notice: notices.Notice{Number: g.list[count].Number, Count: count + 1}},
			Content: notice.Content{Service: "gate", Topic: notice.TopicFenced, Fenced: &notice.Fenced{Topic: "open", Until: g.list[count].Until}},
		})
	}
	data, err := bus.Encode(b)
	if err != nil {
		h.t.Fatal(err)
	}
	if answer := h.batch(data); answer.Why != "" {
		h.t.Fatal(answer.Why)
	}
}

// takes asks for a notice, and gives what was handed out, or why nothing was.
func takes(t testing.TB, nc *nats.Conn, number int, by string) (handed *notice.Handed, why string) {
	t.Helper()
	m := request(t, nc, notice.SubjectTake, fmt.Sprintf(`{"number":"%d","by":%q}`, number, by))
	if why = m.Header.Get(bus.HeaderError); why != "" {
		return nil, why
	}
	handed = &notice.Handed{}
	if err := json.Unmarshal(m.Data, handed); err != nil || !handed.First {
		t.Errorf("%s, %v", m.Data, err)
	}
	return handed, ""
}

// takesInTime asks until it is handed out, within patience: a deadline may pass on a slow machine.
func takesInTime(t testing.TB, nc *nats.Conn, number int, by string) {
	t.Helper()
	for began := time.Now(); ; {
		handed, why := takes(t, nc, number, by)
		if handed != nil {
			return
		}
		if time.Since(began) > patience {
			t.Errorf("notice %d is not handed out: %s", number, why)
			return
		}
	}
}

// states are what became of the commands that are kept.
func states(t testing.TB, nc *nats.Conn) (list []string) {
	t.Helper()
	var kept notice.Kept
	if err := json.Unmarshal(request(t, nc, notice.SubjectAfter, `{"number":"0","fenced":true}`).Data, &kept); err != nil {
		t.Fatal(err)
	}
	for _, n := range kept.Notices {
		if !n.Fenced || n.Body != nil || n.Until.IsZero() {
			t.Errorf("%+v", n)
		}
		list = append(list, n.State)
	}
	return list
}

func TestFenced_IsHandedOutToWhoTakesItFirst(t *testing.T) {
	a := start(t, t.TempDir(), func(c *Config) { c.HTTP = web.Config{Listen: processtest.Address(t)} })
	nc := app(t, a)
	plain, fenced, became := hears(t, nc, "notice.gate.>"), hears(t, nc, notice.FencedSubjects), hears(t, nc, "notice.hotpair.command")
	g := &gates{now: 1 << 60}
	g.make(4)
	g.list[3].State = commands.Late
	g.serve(t, a.URL(), 1)
	var told notice.Told
	m, err := fenced.NextMsg(patience)
	if err == nil {
		err = json.Unmarshal(m.Data, &told)
	}
	if err != nil || m.Subject != "fenced.gate.open" || told.Number != 1 || told.Body != nil || !told.Fenced || told.Service != "gate" || told.Topic != "open" || told.ID != "pair/1/1/0" || told.Until.UnixNano() != g.list[0].Until {
		t.Errorf("%+v", told)
	}
	if handed, why := takes(t, nc, 1, "one"); handed == nil || string(handed.Body) != `{"gate":1}` || handed.Number != 1 || handed.ID != told.ID {
		t.Errorf("%+v, %s", handed, why)
	}
	if handed, _ := takes(t, nc, 1, "one"); handed == nil || string(handed.Body) != `{"gate":1}` { // its answer was lost
		t.Errorf("%+v", handed)
	}
	for _, by := range []string{"", "two"} {
		if handed, why := takes(t, nc, 1, by); handed != nil || !strings.HasPrefix(why, "taken: ") {
			t.Errorf("%+v, %s", handed, why)
		}
	}
	wantCode(t, request(t, nc, notice.SubjectDone, `{"number":"2"}`), bus.CodeConflict) // it was not handed out
	wantCode(t, request(t, nc, notice.SubjectDone, `{"number":"1"}`), bus.CodeOK)
	wantCode(t, request(t, nc, notice.SubjectDone, `{"number":"1"}`), bus.CodeOK)
	if _, why := takes(t, nc, 1, "one"); !strings.HasPrefix(why, "done: ") {
		t.Error(why)
	}
	if _, why := takes(t, nc, 4, "one"); !strings.HasPrefix(why, "late: ") {
		t.Error(why)
	}
	if m, err := became.NextMsg(patience); err != nil || !strings.Contains(string(m.Data), `"number":"4"`) || !strings.Contains(string(m.Data), `"state":"late"`) {
		t.Errorf("%s, %v", m.Data, err)
	}
	for body, code := range map[string]int{
		`{"number":"9"}`: bus.CodeConflict, `{"number":"0"}`: bus.CodeMalformed, `{}`: bus.CodeMalformed, `{"number":1}`: bus.CodeMalformed,
		`{"number":"1","by":"` + strings.Repeat("x", 200) + `"}`: bus.CodeMalformed, `[`: bus.CodeMalformed, ``: bus.CodeMalformed,
	} {
		if body == `{"number":"9"}` {
			code = bus.CodeAbsent
		}
		wantCode(t, request(t, nc, notice.SubjectTake, body), code)
	}
	// The same over HTTP.
	post := func(operation, body string) (int, string) {
		t.Helper()
		r, err := http.Post("http://"+a.HTTP().Address()+"/v1/notices/"+operation, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(text)
	}
	if code, text := post("take", `{"number":"2","by":"h"}`); code != 200 || !strings.Contains(text, `"first":true`) || !strings.Contains(text, `{"gate":2}`) {
		t.Errorf("%d %s", code, text)
	}
	if code, text := post("take", `{"number":"2"}`); code != 409 || !strings.Contains(text, "taken: ") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := post("done", `{"number":"2"}`); code != 200 || !strings.Contains(text, `"state":"done"`) {
		t.Errorf("%d %s", code, text)
	}
	if got := fmt.Sprint(states(t, nc)); got != "[done done open late]" {
		t.Error(got)
	}
	if n, _, _ := plain.Pending(); n != 0 {
		t.Error("who knows no fence hears of commands")
	}
	if m := request(t, nc, notice.SubjectAfter, `{"number":"0"}`); !strings.Contains(string(m.Data), `"notices":[]`) || !strings.Contains(string(m.Data), `"more":false`) && strings.Contains(string(m.Data), `"more"`) {
		t.Errorf("who does not ask for commands gets %s", m.Data)
	}
	awaitPair(t, g, 1, commands.Done)
	awaitPair(t, g, 2, commands.Done)
}

// awaitPair waits until the pair knows what became of a command.
func awaitPair(t testing.TB, g *gates, number int, want commands.State) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		got := g.list[number-1].State
		g.mu.Unlock()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the pair has command %d as %v, want %v", number, got, want)
		}
	}
}

// TestFenced_WithoutThePairNothingIsHandedOut: what is asked while nobody serves has an answer when somebody does, or none.
func TestFenced_WithoutThePairNothingIsHandedOut(t *testing.T) {
	a := start(t, t.TempDir(), func(c *Config) { c.Deadline = time.Second })
	nc := app(t, a)
	g := &gates{now: 1 << 60}
	g.make(2)
	h := g.serve(t, a.URL(), 1)
	held := make(chan func(), 4)
	g.through(func(_ bus.Request, _ commands.Verdict, answer func()) { held <- answer })
	if handed, why := takes(t, nc, 1, "one"); handed != nil {
		t.Errorf("%+v, %s", handed, why)
	}
	(<-held)() // too late: nobody waits for it
	g.through(nil)
	takesInTime(t, nc, 1, "one") // the agent that has not handed it out asks again
	h.conn.Close()
	if handed, why := takes(t, nc, 2, "one"); handed != nil {
		t.Errorf("%+v, %s", handed, why)
	}
	// It waits for the next host, within its deadline.
	var asking sync.WaitGroup
	asking.Go(func() { takesInTime(t, nc, 2, "one") })
	processtest.Await(t, "the taking to wait", func() bool { return a.Waiting() > 0 })
	g.serve(t, a.URL(), 2)
	asking.Wait()
}

// fencedDir makes this test binary an agent in a directory.
const fencedDir = "HOTPAIR_TEST_FENCED_DIR"

func TestHelperFenced(t *testing.T) {
	dir := os.Getenv(fencedDir)
	if dir == "" {
		return // only a child of TestFenced_KilledAtEachStep has work here
	}
	a := start(t, dir, nil)
	fmt.Println("ready", a.URL(), a.AppURL())
	select {}
}

// killable is an agent in a process of its own, with an application.
type killable struct {
	*exec.Cmd
	hosts string
	app   *nats.Conn
}

func startKillable(t *testing.T, dir string) *killable {
	t.Helper()
	k := &killable{Cmd: exec.Command(os.Args[0], "-test.run=^TestHelperFenced$")}
	k.Env = append(os.Environ(), fencedDir+"="+dir)
	out, err := k.StdoutPipe()
	if err == nil {
		err = k.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	var apps string
	if _, err2 := fmt.Sscanf(line, "ready %s %s", &k.hosts, &apps); err2 != nil {
		t.Fatalf("the agent says %q: %v", line, errors.Join(err, err2))
	}
	if k.app, err = nats.Connect(apps, nats.NoReconnect()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.app.Close)
	return k
}

func (k *killable) kill() {
	_ = k.Process.Signal(syscall.SIGKILL)
	_ = k.Wait()
}

// TestFenced_KilledAtEachStep: the agent is killed with SIGKILL while a command is asked for, while it is written down that it is taken, when
// it was handed out, and when it was said to be done; its directory is kept, put back as it was before, or emptied. Nothing is handed out twice,
// and of what was taken and not done it is said that nobody knows.
func TestFenced_KilledAtEachStep(t *testing.T) {
	rounds := 6 * 3 * 2
	if testing.Short() {
		rounds = 6
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := filepath.Join(t.TempDir(), "agent")
	g := &gates{now: 1 << 60}
	handed := map[string]int{} // by what the command says
	unknown, again, attach := 0, 0, uint64(0)
	count := func(h *notice.Handed) {
		if h != nil {
			handed[string(h.Body)]++
		}
	}
	for round := range rounds {
		step, becomes := round%6, round/6%3
		before := filepath.Join(t.TempDir(), "before")
		if _, err := os.Stat(dir); err == nil {
			if err := os.CopyFS(before, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
		}
		g.make(1)
		number := len(g.list)
		k := startKillable(t, dir)
		attach++
		g.serve(t, k.hosts, attach)
		var kept notice.Kept // numbers here are others than the pair's after a directory was put back
		if err := json.Unmarshal(request(t, k.app, notice.SubjectAfter, `{"number":"0","limit":1000,"fenced":true}`).Data, &kept); err != nil {
			t.Fatal(err)
		}
		here := int(kept.Notices[len(kept.Notices)-1].Number)
		switch step {
		case 0, 1, 2: // asked; asked, and taken at the pair; answered
			asked := make(chan struct{})
			var once sync.Once
			g.through(func(q bus.Request, _ commands.Verdict, answer func()) {
				if q.Operation == notice.OperationDone { // of a round before, which the pair has not answered
					answer()
					return
				}
				if step == 0 { // as if it had not come
					g.mu.Lock()
					g.list[number-1].State, g.list[number-1].By = commands.Open, commands.Taker{}
					g.mu.Unlock()
				}
				if step == 2 {
					answer()
				}
				once.Do(func() { close(asked) })
			})
			sub, err := k.app.SubscribeSync("_INBOX.kill")
			if err == nil {
				err = k.app.PublishRequest(notice.SubjectTake, "_INBOX.kill", fmt.Appendf(nil, `{"number":"%d"}`, here))
			}
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-asked:
			case <-time.After(patience):
				t.Fatal("the pair is not asked")
			}
			if step == 2 {
				time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond) // while it is written down, or handed out
			}
			k.kill()
			if m, err := sub.NextMsg(100 * time.Millisecond); err == nil && m.Header.Get(bus.HeaderError) == "" {
				h := &notice.Handed{}
				if err := json.Unmarshal(m.Data, h); err != nil {
					t.Fatal(err)
				}
				count(h)
			}
		case 3, 4, 5: // handed out; said to be done; and the pair knows
			h, why := takes(t, k.app, here, "")
			if count(h); h == nil {
				t.Fatalf("round %d: %s", round, why)
			}
			if step > 3 {
				g.through(func(_ bus.Request, _ commands.Verdict, answer func()) {
					if step == 5 {
						answer()
					}
				})
				wantCode(t, request(t, k.app, notice.SubjectDone, fmt.Sprintf(`{"number":"%d"}`, here)), bus.CodeOK)
				awaitPair(t, g, number, commands.Done)
			}
			k.kill()
		}
		g.through(nil)
		switch becomes {
		case 1: // put back as it was
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(before); err == nil {
				if err := os.CopyFS(dir, os.DirFS(before)); err != nil {
					t.Fatal(err)
				}
			}
		case 2:
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		k = startKillable(t, dir)
		attach++
		g.serve(t, k.hosts, attach)
		for n := range number { // all that there ever was
			if _, kept := told(t, k.app, n+1); !kept {
				continue
			}
			again++
			h, why := takes(t, k.app, n+1, "")
			if count(h); h != nil { // of the step in which nobody had taken it
				wantCode(t, request(t, k.app, notice.SubjectDone, fmt.Sprintf(`{"number":"%d"}`, n+1)), bus.CodeOK)
				continue
			}
			if strings.HasPrefix(why, "unknown: ") {
				unknown++
			} else if !strings.HasPrefix(why, "done: ") {
				t.Errorf("round %d: command %d: %s", round, n+1, why)
			}
		}
		g.mu.Lock()
		last := g.list[number-1].State
		g.mu.Unlock()
		if step > 3 && last != commands.Done || step < 4 && step > 0 && last != commands.Unknown && last != commands.Taken {
			t.Errorf("round %d, killed at step %d: the pair has it as %v", round, step, last)
		}
		k.kill()
	}
	for what, n := range handed {
		if n > 1 {
			t.Errorf("%s was handed out %d times", what, n)
		}
	}
	t.Logf("measured: %d commands, agent killed %d times: %d handed out, none twice; asked for again %d times, %d times it was said that nobody knows",
		len(g.list), 2*rounds, len(handed), again, unknown)
	if len(handed) < rounds/2 || unknown == 0 {
		t.Error("too few were handed out, or none was unknown: it proves nothing")
	}
}

// told returns what is kept under a number.
func told(t testing.TB, nc *nats.Conn, number int) (n notice.Told, ok bool) {
	t.Helper()
	m := request(t, nc, notice.SubjectAfter, fmt.Sprintf(`{"number":"%d","limit":1,"fenced":true}`, number-1))
	var kept notice.Kept
	if m.Header.Get(bus.HeaderError) != "" {
		return n, false
	}
	if err := json.Unmarshal(m.Data, &kept); err != nil {
		t.Fatal(err)
	}
	if len(kept.Notices) == 0 || kept.Notices[0].Number != uint64(number) {
		return n, false
	}
	return kept.Notices[0], true
}

// TestFenced_Example runs that of APPLICATIONS.md.
func TestFenced_Example(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	opened := make(chan string, 4)
	for range 2 { // two programs, of which one opens
		if err := exampleFenced(nc, func(body json.RawMessage) { opened <- string(body) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	g := &gates{now: 1 << 60}
	g.make(2)
	g.serve(t, a.URL(), 1)
	awaitPair(t, g, 1, commands.Done)
	awaitPair(t, g, 2, commands.Done)
	if n := len(opened); n != 2 {
		t.Errorf("opened %d times", n)
	}
}
