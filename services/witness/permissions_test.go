package witness

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/arbiter/arbitertest"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/record"
)

func TestWitness_HostUser_MayDoNothingElse(t *testing.T) {
	w, _ := run(t, t.TempDir(), processtest.Address(t))
	refused := make(chan error, 1)
	conn, err := bus.Connect(deadline(t), bus.ConnConfig{
		Name: "host", URL: "nats://" + w.Address(), User: arbiter.User,
		Password: config.DeriveKey(secret, config.PurposeWitness), Inbox: arbiter.Inbox,
		Complaint: func(err error) {
			select {
			case refused <- err:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wantRefusal := func(what string) {
		t.Helper()
		select {
		case err := <-refused:
			if !errors.Is(err, bus.ErrForbidden) {
				t.Errorf("%s: %v, want ErrForbidden", what, err)
			}
		case <-time.After(within):
			t.Errorf("%s was not refused", what)
		}
	}
	for _, subject := range []string{
		"$JS.API.STREAM.DELETE." + stream, "$JS.API.STREAM.PURGE." + stream,
		"$JS.API.STREAM.UPDATE." + stream, "$JS.API.STREAM.CREATE.other", "$JS.API.STREAM.MSG.DELETE." + stream,
		"$JS.API.CONSUMER.CREATE." + stream, "$JS.API.INFO", "$JS.API.STREAM.RESTORE." + stream,
		"$JS.API.STREAM.MSG.GET." + stream, subject, "$KV.pair.other", probeSubject, "$KV.pair", "anything", "$SYS.REQ.SERVER.PING", arbiter.Inbox + ".x",
	} {
		if err := conn.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		wantRefusal("publish " + subject)
	}
	for _, subject := range []string{">", subject, "$KV.>", arbiter.CallHello.Subject(), "$JS.API.>", "_INBOX.>", "inbox.>"} {
		if _, err := conn.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		wantRefusal("subscribe " + subject)
	}
}

func TestWitness_Stranger_IsRefused(t *testing.T) {
	w, _ := run(t, t.TempDir(), processtest.Address(t))
	for _, c := range []bus.ConnConfig{
		{}, {User: arbiter.User}, {User: arbiter.User, Password: secret}, {User: administrator}, {User: administrator, Password: secret},
	} {
		c.Name, c.URL, c.Once = "stranger", "nats://"+w.Address(), true
		if conn, err := bus.Connect(deadline(t), c); err == nil {
			conn.Close()
			t.Errorf("user %q got in", c.User)
		}
	}
}

// A host's login was enough to stop a pair for good: one write without an expected revision, or of the last version there is.
// The witness takes no other writes than a host makes of the record that it holds.
func TestFault_C5_WitnessTakesNoWriteThatNoHostMakes(t *testing.T) {
	w, _ := run(t, t.TempDir(), processtest.Address(t))
	conn, err := bus.Connect(deadline(t), bus.ConnConfig{
		Name: "host", URL: "nats://" + w.Address(), User: arbiter.User,
		Password: config.DeriveKey(secret, config.PurposeWitness), Inbox: arbiter.Inbox,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	honest := connect(t, w.Address(), "a")
	good := arbitertest.Sample(w.ID())
	revision, err := honest.Write(deadline(t), good, 0)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(next role.Record, expected uint64) error {
		text, err := arbiter.Encode(next)
		if err != nil {
			t.Fatal(err)
		}
		_, err = arbiter.CallWrite.Ask(deadline(t), conn, arbiter.Change{Record: text, Expected: expected})
		return err
	}
	for name, c := range map[string]struct {
		change   func(*role.Record)
		expected uint64
		want     error
	}{
		"without a revision":         {func(*role.Record) {}, 0, arbiter.ErrConflict},
		"another revision":           {func(*role.Record) {}, revision + 1, arbiter.ErrConflict},
		"the last version there is":  {func(r *role.Record) { r.Version = math.MaxUint64 }, revision, record.ErrImpossible},
		"the last epoch there is":    {func(r *role.Record) { r.Epoch = math.MaxUint64 }, revision, record.ErrImpossible},
		"an older epoch":             {func(r *role.Record) { r.Epoch-- }, revision, record.ErrImpossible},
		"the same version":           {func(r *role.Record) { r.Version = good.Version }, revision, record.ErrImpossible},
		"another pair":               {func(r *role.Record) { r.PairID = "another" }, revision, record.ErrImpossible},
		"for another witness":        {func(r *role.Record) { r.WitnessID = "another" }, revision, record.ErrImpossible},
		"a lease longer than a life": {func(r *role.Record) { r.LongestLease = math.MaxInt64 }, revision, record.ErrImpossible},
		"more hosts than a pair has": {func(r *role.Record) { r.InSync = append(r.InSync, r.InSync...) }, revision, record.ErrImpossible},
	} {
		next := good
		next.Version++
		c.change(&next)
		if err := ask(next, c.expected); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, text := range map[string]string{"no record": `{}`, "a list": `[]`, "nothing": `null`, "two versions": `{"format":1,"version":5,"version":6}`} {
		_, err := arbiter.CallWrite.Ask(deadline(t), conn, arbiter.Change{Record: []byte(text), Expected: revision})
		if !errors.Is(err, record.ErrImpossible) && !errors.Is(err, bus.ErrMalformed) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	if v, err := honest.Read(deadline(t)); err != nil || v.Revision != revision || !v.Record.Equal(good) {
		t.Errorf("the register holds %+v at %d (%v), want what was there", v.Record, v.Revision, err)
	}
	good.Version++
	if _, err := honest.Write(deadline(t), good, revision); err != nil {
		t.Errorf("an honest write after all that: %v", err)
	}
}
