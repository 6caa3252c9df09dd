package witness

import (
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/config"
)

func TestWitness_HostUser_MayDoNothingElse(t *testing.T) {
	w, _ := run(t, t.TempDir(), "127.0.0.1:0")
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
		"$JS.API.STREAM.DELETE." + arbiter.Stream, "$JS.API.STREAM.PURGE." + arbiter.Stream,
		"$JS.API.STREAM.UPDATE." + arbiter.Stream, "$JS.API.STREAM.CREATE.other", "$JS.API.STREAM.MSG.DELETE." + arbiter.Stream,
		"$JS.API.CONSUMER.CREATE." + arbiter.Stream, "$JS.API.INFO", "$JS.API.STREAM.RESTORE." + arbiter.Stream,
		"$KV.pair.other", probeSubject, "$KV.pair", "anything", "$SYS.REQ.SERVER.PING", arbiter.Inbox + ".x",
	} {
		if err := conn.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		wantRefusal("publish " + subject)
	}
	for _, subject := range []string{">", arbiter.Subject, "$KV.>", arbiter.SubjectHello, "$JS.API.>", "_INBOX.>", "inbox.>"} {
		if _, err := conn.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		wantRefusal("subscribe " + subject)
	}
}

func TestWitness_Stranger_IsRefused(t *testing.T) {
	w, _ := run(t, t.TempDir(), "127.0.0.1:0")
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
