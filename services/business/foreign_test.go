package business_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/jsonform"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/position"
)

// foreign is a business process as somebody writes it who has read PROTOCOL.md and CBOR.md and nothing else: a NATS client, a
// CBOR library, the four settings that main hands over. Nothing of ours is used in it. It counts votes.
type foreign struct {
	nc, db  *nats.Conn
	service string
}

type (
	foreignRead struct {
		Ticket string   `cbor:"1,keyasint"`
		Keys   [][]byte `cbor:"2,keyasint"`
	}
	foreignCommit struct {
		Ticket     string             `cbor:"1,keyasint"`
		Conditions []foreignCondition `cbor:"5,keyasint,omitempty"`
		Operations []foreignOperation `cbor:"6,keyasint,omitempty"`
		Answer     foreignAnswer      `cbor:"7,keyasint"`
		Record     bool               `cbor:"8,keyasint,omitempty"`
	}
	foreignCondition struct {
		Key      []byte `cbor:"1,keyasint"`
		Revision uint64 `cbor:"2,keyasint,omitempty"`
	}
	foreignOperation struct {
		Key   []byte `cbor:"1,keyasint"`
		Value []byte `cbor:"2,keyasint,omitempty"`
	}
	foreignAnswer struct {
		Code    int    `cbor:"1,keyasint,omitempty"`
		Message string `cbor:"2,keyasint,omitempty"`
		Body    []byte `cbor:"3,keyasint,omitempty"`
	}
	foreignPosition struct {
		Epoch    uint64 `cbor:"1,keyasint"`
		Sequence uint64 `cbor:"2,keyasint"`
	}
	foreignReply struct {
		Code     int             `cbor:"1,keyasint,omitempty"`
		Message  string          `cbor:"2,keyasint,omitempty"`
		Position foreignPosition `cbor:"3,keyasint,omitempty"`
		Items    []struct {
			Key      []byte `cbor:"1,keyasint"`
			Value    []byte `cbor:"2,keyasint"`
			Revision uint64 `cbor:"3,keyasint"`
		} `cbor:"4,keyasint,omitempty"`
		Recorded *struct {
			Code     int             `cbor:"1,keyasint"`
			Message  string          `cbor:"2,keyasint"`
			Body     []byte          `cbor:"3,keyasint"`
			Position foreignPosition `cbor:"4,keyasint"`
			Proof    string          `cbor:"6,keyasint"`
		} `cbor:"6,keyasint,omitempty"`
		Proof string `cbor:"8,keyasint,omitempty"`
	}
)

// start connects and serves "vote". The environment is what main gives to a program.
func start(environment map[string]string, service string) (*foreign, error) {
	user := nats.UserInfo(environment["HOTPAIR_BUS_USER"], environment["HOTPAIR_BUS_PASSWORD"])
	nc, err := nats.Connect(environment["HOTPAIR_REQUESTS_URL"], user)
	if err != nil {
		return nil, err
	}
	db, err := nats.Connect(environment["HOTPAIR_DATABASE_URL"], user, nats.CustomInboxPrefix(environment["HOTPAIR_BUS_INBOX"]))
	if err != nil {
		return nil, err
	}
	f := &foreign{nc: nc, db: db, service: service}
	s, err := micro.AddService(nc, micro.Config{Name: service, Version: "0.1.0"})
	if err != nil {
		return nil, err
	}
	err = s.AddEndpoint("vote", micro.HandlerFunc(f.vote), micro.WithEndpointSubject("business."+service+".vote"))
	if err != nil {
		return nil, err
	}
	return f, nc.Flush()
}

func (f *foreign) call(name string, q any) (foreignReply, error) {
	var reply foreignReply
	body, err := cbor.Marshal(q)
	if err != nil {
		return reply, err
	}
	m, err := f.db.Request("db."+f.service+"."+name, append([]byte{1}, body...), 5*time.Second)
	if err != nil {
		return reply, err
	}
	if len(m.Data) == 0 || m.Data[0] != 1 {
		return reply, errors.New("another version")
	}
	return reply, cbor.Unmarshal(m.Data[1:], &reply)
}

func (f *foreign) vote(m micro.Request) {
	var in struct{ For string }
	if err := json.Unmarshal(m.Data(), &in); err != nil || in.For == "" {
		_ = m.Error("400", `field "for" is missing`, nil)
		return
	}
	ticket := m.Headers().Get("Hotpair-Ticket")
	for {
		reply, err := f.call("read", foreignRead{Ticket: ticket, Keys: [][]byte{[]byte(in.For)}})
		if err != nil || reply.Code != 0 {
			_ = m.Error("500", fmt.Sprint(reply.Message, err), nil)
			return
		}
		if reply.Recorded != nil {
			f.respond(m, reply.Recorded.Body, reply.Recorded.Proof)
			return
		}
		votes, _ := strconv.Atoi(string(reply.Items[0].Value))
		votes++
		body := []byte(fmt.Sprintf(`{"votes":%d}`, votes))
		done, err := f.call("commit", foreignCommit{
			Ticket:     ticket,
			Conditions: []foreignCondition{{Key: []byte(in.For), Revision: reply.Items[0].Revision}},
			Operations: []foreignOperation{{Key: []byte(in.For), Value: []byte(strconv.Itoa(votes))}},
			Answer:     foreignAnswer{Body: body},
		})
		switch {
		case err != nil:
			_ = m.Error("504", err.Error(), nil)
			return
		case done.Recorded != nil:
			f.respond(m, done.Recorded.Body, done.Recorded.Proof)
			return
		case done.Code == 409:
			continue // another vote was faster
		case done.Code != 0:
			_ = m.Error(strconv.Itoa(done.Code), done.Message, nil)
			return
		}
		f.respond(m, body, done.Proof)
		return
	}
}

func (f *foreign) respond(m micro.Request, body []byte, proof string) {
	_ = m.Respond(body, micro.WithHeaders(micro.Headers{"Hotpair-Proof": {proof}}))
}

// environment is what main hands to a program.
func environment(host *businesstest.Host, service string) map[string]string {
	cfg := host.Environment(service)
	return map[string]string{
		"HOTPAIR_REQUESTS_URL": cfg.RequestsURL, "HOTPAIR_DATABASE_URL": cfg.DatabaseURL, "HOTPAIR_BUS_USER": cfg.BusUser,
		"HOTPAIR_BUS_PASSWORD": cfg.BusPassword.Reveal(), "HOTPAIR_BUS_INBOX": cfg.BusInbox,
	}
}

func TestForeign_ServiceInGo(t *testing.T) {
	host := businesstest.NewHost(t)
	f, err := start(environment(host, "votes"), "votes")
	if err != nil {
		t.Fatal(err)
	}
	defer f.nc.Close()
	defer f.db.Close()
	vote(t, host)
}

// TestForeign_ServiceInPython runs testdata/votes.py, which has no library at all.
func TestForeign_ServiceInPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIPPED: there is no python3 here, so the example of PROTOCOL.md was not tried")
	}
	host := businesstest.NewHost(t)
	program := exec.CommandContext(t.Context(), python, "testdata/votes.py")
	program.Env = os.Environ()
	for name, value := range environment(host, "votes") {
		program.Env = append(program.Env, name+"="+value)
	}
	output := &processtest.Output{}
	defer func() {
		if t.Failed() {
			t.Logf("the program says: %s", output)
		}
	}()
	program.Stdout, program.Stderr = output, output
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	businesstest.Await(t, "the program", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := host.Asker.Request(ctx, "$SRV.PING.votes", nil)
		return err == nil
	})
	vote(t, host)
	if err := program.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_ = program.Wait() // by the signal
}

// vote tries a service "votes" that has just started, of whatever origin.
func vote(t *testing.T, host *businesstest.Host) {
	t.Helper()
	// Main takes it for ready when it answers; without the metadata "packs" it gets one message for each request.
	var ping micro.Ping
	ask(t, host, "$SRV.PING.votes", &ping)
	if ping.Name != "votes" || ping.Metadata["packs"] != "" {
		t.Errorf("%+v", ping)
	}
	headers := func(counter, attempt int) map[string]string {
		q := businesstest.Numbered(uint64(counter), "votes", "vote", `{"for":"a"}`)
		q.Oldest = 1
		return map[string]string{
			bus.HeaderTerminal: "t1", bus.HeaderCounter: strconv.Itoa(counter), bus.HeaderAttempt: strconv.Itoa(attempt),
			bus.HeaderEpoch: "1", bus.HeaderTicket: businesstest.Ticket(q),
		}
	}
	const voters = 8
	var wg sync.WaitGroup
	for i := range voters {
		wg.Go(func() {
			first := single(t, host, "business.votes.vote", `{"for":"a"}`, headers(i+1, 1))
			again := single(t, host, "business.votes.vote", `{"for":"a"}`, headers(i+1, 2))
			if string(first.Data) != string(again.Data) || first.Header.Get(bus.HeaderProof) != again.Header.Get(bus.HeaderProof) {
				t.Errorf("repeated: %s %v, first %s %v", again.Data, again.Header, first.Data, first.Header)
			}
			if proof := first.Header.Get(bus.HeaderProof); !strings.HasPrefix(proof, "1/") {
				t.Errorf("proof %q", proof)
			}
		})
	}
	wg.Wait()
	if v, _ := host.Database.Value("votes", "a"); string(v) != strconv.Itoa(voters) {
		t.Errorf("%s votes, want %d", v, voters)
	}
	if reply := single(t, host, "business.votes.vote", `{}`, nil); reply.Header.Get(bus.HeaderErrorCode) != "400" {
		t.Errorf("%v", reply.Header)
	}
	// The key spaces are apart.
	if host.Database.Len("votes") != 1 || host.Database.Len("kv") != 0 {
		t.Error("it wrote elsewhere")
	}
}

// TestProtocol_Examples holds the example messages of PROTOCOL.md, and the same in CBOR.md.
func TestProtocol_Examples(t *testing.T) {
	inJSON, inCBOR := document(t, "PROTOCOL.md"), document(t, "CBOR.md")
	// Any text of main's would do: to the service it is nothing but text.
	const ticket = "VElDS0VU"
	for name, call := range map[string]bus.DatabaseCall{
		"read": {Read: &bus.Read{Ticket: ticket, Keys: [][]byte{[]byte("a")}}},
		"commit": {Commit: &bus.Commit{
			Ticket:     ticket,
			Conditions: []bus.Condition{{Key: []byte("a"), Revision: 41}},
			Operations: []bus.Operation{{Key: []byte("a"), Value: []byte("5")}},
			Answer:     bus.Answer{Body: []byte(`{"votes":5}`)},
		}},
	} {
		said, err := jsonform.EncodeCall(call, false)
		if err != nil || !strings.Contains(inJSON, string(said)) {
			t.Errorf("PROTOCOL.md does not have the %s %s (%v)", name, said, err)
		}
		var message any = call.Read
		if call.Commit != nil {
			message = call.Commit
		}
		data, err := bus.Encode(message)
		if err != nil || !strings.Contains(inCBOR, fmt.Sprintf("%x", data)) {
			t.Errorf("CBOR.md does not have the %s %x (%v)", name, data, err)
		}
	}
	for _, reply := range []bus.DatabaseReply{
		{Position: position.Position{Epoch: 7, Sequence: 41}, Items: []bus.Item{{Key: []byte("a"), Value: []byte("4"), Revision: 41}}},
		{Position: position.Position{Epoch: 7, Sequence: 42}, Proof: "7/42.UFJPT0Y"},
		{Code: bus.CodeConflict, Message: "no", Conflicts: [][]byte{[]byte("a")}},
	} {
		said, err := jsonform.EncodeReply(reply, false)
		if err != nil || !strings.Contains(inJSON, string(said)) {
			t.Errorf("PROTOCOL.md does not have the reply %s (%v)", said, err)
		}
		data, err := bus.Encode(reply)
		if err != nil || !strings.Contains(inCBOR, fmt.Sprintf("%x", data)) {
			t.Errorf("CBOR.md does not have the reply %x (%v)", data, err)
		}
	}
}

// TestProtocol_NamesEveryField: what a call or a reply can say is explained.
func TestProtocol_NamesEveryField(t *testing.T) {
	text := document(t, "PROTOCOL.md")
	one := keyrange.Range{Prefix: []byte("p"), After: []byte("p"), Through: []byte("p"), Keys: 1, Sequence: 1}
	at := position.Position{Epoch: 1, Sequence: 1}
	conditions := []bus.Condition{{Key: []byte("k"), Revision: 1, Present: true}}
	var said []string
	for _, call := range []bus.DatabaseCall{
		{Read: &bus.Read{Ticket: "t", Keys: [][]byte{{1}}, Ranges: []keyrange.Range{one}}},
		{Scan: &bus.Scan{Prefix: []byte("p"), After: []byte("p"), Limit: 1, At: at, Ticket: "t", Conditions: conditions, Ranges: []keyrange.Range{one}}},
		{Commit: &bus.Commit{
			Ticket: "t", Epoch: 1, Conditions: conditions, Operations: []bus.Operation{{Key: []byte("k"), Value: []byte("1"), Delete: true}},
			Answer: bus.Answer{Code: 1, Message: "m", Body: []byte("1"), Revision: true}, Record: true, Ranges: []keyrange.Range{one},
			Outbox: outbox.Changes{
				Fired:   &outbox.Fired{Key: "k", Revision: 1},
				Timers:  []outbox.Timer{{Key: "k", Cancel: true, Operation: "o", Body: []byte("1"), After: time.Second, At: 1, Skip: true}},
				Notices: []outbox.Notice{{To: []string{"t"}, All: true, Topic: "t", Body: []byte("1")}},
			},
		}},
	} {
		message, err := jsonform.EncodeCall(call, true)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, string(message))
	}
	reply, err := jsonform.EncodeReply(bus.DatabaseReply{
		Message: "m", Position: at, Items: []bus.Item{{Key: []byte("k"), Value: []byte("1")}}, More: true, Conflicts: [][]byte{{1}}, Proof: "p", Moved: []int{0},
		Recorded: &bus.Reply{Message: "m", Body: []byte("1"), Position: at, Proof: "p"},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(strings.Join(append(said, string(reply)), ""), -1) {
		if !regexp.MustCompile(`\b` + name[1] + `\b`).MatchString(text) {
			t.Errorf("PROTOCOL.md does not say what %s is", name[1])
		}
	}
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
