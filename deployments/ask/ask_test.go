package ask

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/requestid"
)

// agent is a NATS server in the place of an agent, with what it was asked last.
type fake struct {
	server *broker.Server
	conn   *nats.Conn
	asked  chan *nats.Msg
}

// answering answers every request with a code and a text; "silent" is not answered, "gone" ends the server instead.
func answering(t *testing.T) *fake {
	t.Helper()
	s, err := broker.NewServer(broker.ServerConfig{Name: "agent", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	f := &fake{server: s, asked: make(chan *nats.Msg, 8)}
	if f.conn, err = nats.Connect(s.URL(), nats.NoReconnect()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.conn.Close)
	_, err = f.conn.Subscribe("request.*.*", func(m *nats.Msg) {
		f.asked <- m
		operation := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
		reply := nats.NewMsg(m.Reply)
		switch operation {
		case "silent":
			return
		case "gone":
			go s.Stop()
			return
		case "add":
			reply.Data = []byte(`{"count":1}`)
			reply.Header.Set(bus.HeaderPosition, "1/7")
		default:
			reply.Header.Set(bus.HeaderErrorCode, operation)
			reply.Header.Set(bus.HeaderError, "because")
		}
		if err := f.conn.PublishMsg(reply); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return f
}

// run runs the command as a shell does.
func run(t *testing.T, stdin string, args ...string) (printed string, err error) {
	t.Helper()
	c := Command()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetIn(strings.NewReader(stdin))
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	err = c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommand_PrintsTheAnswer(t *testing.T) {
	f := answering(t)
	printed, err := run(t, "", "shop.add", `{"name":"a"}`, "--terminal", f.server.URL())
	if err != nil || printed != "{\"count\":1}\n" {
		t.Errorf("%q %v", printed, err)
	}
	m := <-f.asked
	if m.Subject != "request.shop.add" || string(m.Data) != `{"name":"a"}` || m.Header.Get(bus.HeaderDeadline) != "30s" {
		t.Errorf("%+v", m)
	}
	first := m.Header.Get(bus.HeaderRequestID)
	if _, err := requestid.Issued(first); err != nil {
		t.Error(err)
	}
	const id = "2026-01-02T03:04:05Z/mine"
	printed, err = run(t, `{"name":"b"}`, "shop.add", "-", "--id", id, "--timeout", "5s", "--json", "--terminal", strings.TrimPrefix(f.server.URL(), "nats://"))
	var shown struct {
		Code     int
		Body     json.RawMessage
		Position string
		ID       string
		TookMS   float64 `json:"took_ms"`
	}
	if err := errors.Join(err, json.Unmarshal([]byte(printed), &shown)); err != nil || string(shown.Body) != `{"count":1}` || shown.Position != "1/7" || shown.ID != id || shown.TookMS <= 0 {
		t.Errorf("%s %v", printed, err)
	}
	m = <-f.asked
	if string(m.Data) != `{"name":"b"}` || m.Header.Get(bus.HeaderRequestID) != id || m.Header.Get(bus.HeaderDeadline) != "5s" {
		t.Errorf("%+v", m)
	}
	if _, err = run(t, "", "shop.add", "--terminal", f.server.URL()); err != nil {
		t.Error(err)
	}
	if m = <-f.asked; string(m.Data) != "{}" || m.Header.Get(bus.HeaderRequestID) == first {
		t.Errorf("%s under %s", m.Data, m.Header.Get(bus.HeaderRequestID))
	}
}

// TestCommand_SaysWhatHappenedAndWhatToDo: each code has its exit code, its meaning, and what to do.
func TestCommand_SaysWhatHappenedAndWhatToDo(t *testing.T) {
	for operation, c := range map[string]struct {
		exit int
		says string
	}{
		"400": {Refused, "correct it as the message says"},
		"404": {Refused, "No such service"},
		"409": {Refused, "conflicts"},
		"410": {Refused, "check the data"},
		"413": {Refused, "too large"},
		"422": {Refused, "the service's own"},
		"429": {Nobody, "send it again"},
		"500": {Refused, "send the request again."},
		"503": {Nobody, "send it again"},
		"504": {Unknown, "hotpair request --id"},
		"x":   {Unknown, "It may have been done"},
	} {
		f := answering(t)
		_, err := run(t, "", "shop."+operation, "{}", "--terminal", f.server.URL())
		var failed *Failure
		if !errors.As(err, &failed) || failed.ExitCode() != c.exit || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", operation, err)
			continue
		}
		if operation != "x" && !strings.HasPrefix(err.Error(), "shop."+operation+": "+operation+" because\n") {
			t.Errorf("%v", err)
		}
		id := (<-f.asked).Header.Get(bus.HeaderRequestID)
		if strings.Contains(c.says, "--id") && !strings.Contains(err.Error(), id) {
			t.Errorf("%v does not name %s", err, id)
		}
	}
}

// TestCommand_AnIdOfOnesOwnKeepsItsAnswer: after a fault the same id would give the same answer for ever; who gave none is not told of ids.
func TestCommand_AnIdOfOnesOwnKeepsItsAnswer(t *testing.T) {
	f := answering(t)
	id := NewID()
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "Once it is fixed, send the request again."},
		{[]string{"--id", id}, "Once it is fixed, send the request again, with another --id than " + id + ", whose answer is final."},
	} {
		_, err := run(t, "", append([]string{"shop.500", "{}", "--terminal", f.server.URL()}, c.args...)...)
		<-f.asked
		if err == nil || !strings.HasSuffix(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.args, err, c.says)
		}
	}
}

func TestCommand_WhenNobodyAnswers(t *testing.T) {
	f := answering(t)
	var failed *Failure
	_, err := run(t, "", "shop.gone", "--terminal", f.server.URL())
	if !errors.As(err, &failed) || failed.ExitCode() != Unknown || !errors.Is(err, ErrUnanswered) || !strings.Contains(err.Error(), "connection was lost") {
		t.Errorf("gone: %v", err)
	}
	_, err = run(t, "", "shop.add", "--terminal", f.server.URL())
	if !errors.As(err, &failed) || failed.ExitCode() != Nobody || !errors.Is(err, ErrTerminal) || !strings.Contains(err.Error(), "hotpair dev") {
		t.Errorf("no agent: %v", err)
	}
	f = answering(t)
	began := time.Now()
	printed, err := run(t, "", "shop.silent", "--timeout", "1ms", "--json", "--terminal", f.server.URL())
	if !errors.As(err, &failed) || failed.ExitCode() != Unknown || !strings.Contains(printed, `"code":504`) {
		t.Errorf("silent: %v %s", err, printed)
	}
	if took := time.Since(began); took < overtime {
		t.Errorf("it waited for %s, so the agent's own answer would not have come", took)
	}
	other, err := broker.NewServer(broker.ServerConfig{Name: "other", Listen: "127.0.0.1:0"})
	if err == nil {
		err = other.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer other.Stop()
	_, err = run(t, "", "shop.add", "--terminal", other.URL())
	if !errors.As(err, &failed) || failed.ExitCode() != Nobody || !strings.Contains(err.Error(), "is not the agent") {
		t.Errorf("another server: %v", err)
	}
}

func TestCommand_RefusesWhatCantBeSent(t *testing.T) {
	f := answering(t)
	for name, c := range map[string]struct {
		args  []string
		stdin string
		says  string
	}{
		"nothing":        {nil, "", "SERVICE.OPERATION"},
		"no operation":   {[]string{"shop"}, "", "SERVICE.OPERATION"},
		"a wild card":    {[]string{"shop.*"}, "", "SERVICE.OPERATION"},
		"three words":    {[]string{"shop.add", "{name:", "a}"}, "", "3 words"},
		"no JSON":        {[]string{"shop.add", `{"name":`}, "", "line 1, column 8"},
		"no JSON, later": {[]string{"shop.add", "{\n \"é\": x}"}, "", "line 2, column 7"},
		"two values":     {[]string{"shop.add", `{} {}`}, "", "line 1, column 4"},
		"no UTF-8":       {[]string{"shop.add", "\"\xff\""}, "", "UTF-8"},
		"much":           {[]string{"shop.add", "-"}, `"` + strings.Repeat("x", MaxBody) + `"`, "1048576 bytes"},
		"an id":          {[]string{"shop.add", "--id", "mine"}, "", "RFC 3339"},
		"a time":         {[]string{"shop.add", "--timeout", "-1s"}, "", "--timeout"},
	} {
		_, err := run(t, c.stdin, append(c.args, "--terminal", f.server.URL())...)
		if !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(f.asked) > 0 {
		t.Error("something was sent")
	}
}

// TestDiscover_DoesNotWaitForASilentAgent: an agent says nothing of a service that it does not know.
func TestDiscover_DoesNotWaitForASilentAgent(t *testing.T) {
	f := answering(t)
	for subject, text := range map[string]string{"$SRV.INFO.shop": `{"endpoints":[{"subject":"request.shop.add"},{"subject":"request.shop.look"}]}`, "$SRV.INFO.bad": "["} {
		if _, err := f.conn.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(text)) }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.conn.SubscribeSync("$SRV.INFO.silent"); err != nil {
		t.Fatal(err)
	}
	if err := f.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	c, err := Dial(t.Context(), f.server.URL(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.Discover(t.Context(), "shop")
	if err != nil || len(list) != 2 || list[0] != "shop.add" || list[1] != "shop.look" {
		t.Errorf("%v %v", list, err)
	}
	for _, service := range []string{"bad", "silent"} {
		if list, err := c.Discover(t.Context(), service); !errors.Is(err, ErrUnanswered) {
			t.Errorf("%s: %v %v", service, list, err)
		}
	}
}

// TestTerminalOf_FindsTheTerminalsOfACluster.
func TestTerminalOf_FindsTheTerminalsOfACluster(t *testing.T) {
	dir := t.TempDir()
	if _, err := TerminalOf(dir, ""); !errors.Is(err, ErrTerminal) {
		t.Errorf("%v", err)
	}
	text := `{"binary":"x","hosts":{},"witness":{},"terminals":[{"id":"t1","address":"nats://127.0.0.1:1"},{"id":"t2","address":"nats://127.0.0.1:3"}]}`
	if err := os.WriteFile(filepath.Join(dir, "cluster.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for id, at := range map[string]string{"": "nats://127.0.0.1:1", "t1": "nats://127.0.0.1:1", "t2": "nats://127.0.0.1:3"} {
		if got, err := TerminalOf(dir, id); err != nil || got != at {
			t.Errorf("%q: %s %v", id, got, err)
		}
	}
	if _, err := TerminalOf(dir, "t3"); err == nil || !strings.Contains(err.Error(), "no such terminal (it has 2, from t1)") {
		t.Errorf("%v", err)
	}
}

// FuzzParse: what is typed is a request or is refused, and the place that is named is in it.
func FuzzParse(f *testing.F) {
	f.Add("shop.add", []byte(`{"name":"a"}`))
	f.Add("shop.add", []byte("{\n\n"))
	f.Fuzz(func(t *testing.T, what string, body []byte) {
		q, err := Parse(what, body)
		if err != nil {
			if !errors.Is(err, ErrQuestion) {
				t.Errorf("%v", err)
			}
			return
		}
		if !json.Valid(q.Body) || !bus.ValidName(q.Service) || !bus.ValidName(q.Operation) {
			t.Errorf("%+v", q)
		}
	})
}

// FuzzRead: an answer of anybody's is read or refused.
func FuzzRead(f *testing.F) {
	f.Add("409", "taken", []byte("{}"))
	f.Fuzz(func(t *testing.T, code, said string, body []byte) {
		m := nats.NewMsg("x")
		m.Data = body
		m.Header.Set(bus.HeaderErrorCode, code)
		m.Header.Set(bus.HeaderError, said)
		a, err := Answer{}.read(m)
		if err == nil && code != "" && a.Code <= 0 {
			t.Errorf("%q is %s", code, strconv.Itoa(a.Code))
		}
		_ = (&Failure{Answer: a, Err: err}).Error()
	})
}

// With --queue the terminal keeps it: under a key, without an id and a deadline.
func TestCommand_Queues(t *testing.T) {
	f := answering(t)
	if printed, err := run(t, "", "shop.add", "--queue", "--lane", "till", "--terminal", f.server.URL()); err != nil || printed != "{\"count\":1}\n" {
		t.Errorf("%q %v", printed, err)
	}
	h := (<-f.asked).Header
	if h.Get(bus.HeaderQueue) != "yes" || h.Get(bus.HeaderLane) != "till" || h.Get(bus.HeaderQueueKey) == "" || len(h) != 3 {
		t.Errorf("%v", h)
	}
	_, err := run(t, "", "shop.507", "--queue", "--key", "order 18", "--terminal", f.server.URL())
	var failed *Failure
	if !errors.As(err, &failed) || failed.ExitCode() != Nobody || !strings.Contains(err.Error(), "The queue of this terminal is full") {
		t.Errorf("%v", err)
	}
	if h := (<-f.asked).Header; h.Get(bus.HeaderQueueKey) != "order 18" {
		t.Errorf("%v", h)
	}
	if _, err := run(t, "", "shop.gone", "--queue", "--key", "order 18", "--terminal", f.server.URL()); !errors.As(err, &failed) || failed.ExitCode() != Unknown || !strings.Contains(err.Error(), `--queue --key "order 18"`) {
		t.Errorf("%v", err)
	}
	for _, wrong := range [][]string{{"--queue", "--id", "2026-01-02T03:04:05Z/mine"}, {"--key", "x"}} {
		if _, err := run(t, "", append(wrong, "shop.add", "--terminal", answering(t).server.URL())...); !errors.Is(err, ErrQuestion) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
