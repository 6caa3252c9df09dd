package updater

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/jsonform"
	"github.com/hotpair/hotpair/services/traffic"
)

// TestDatabase_SpeaksJSON: a service in any language reads, commits and scans with nothing but JSON, and what it is refused is told so.
func TestDatabase_SpeaksJSON(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.lead(1, false)
	const kv = bus.ProcessBusiness + ".kv"
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{
		Name: kv, URL: "nats://" + a.config.TrafficListen, User: kv, Password: traffic.Password(a.config.TrafficKey, kv), Inbox: bus.InboxPrefix(kv),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(call, message string) (string, bus.DatabaseReply) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		m, err := conn.Request(ctx, bus.DatabaseSubject("kv", call), []byte(message))
		if err != nil {
			t.Fatalf("%s %s: %v", call, message, err)
		}
		reply, err := jsonform.DecodeReply(m.Data)
		if err != nil {
			t.Fatalf("%s %s: %s: %v", call, message, m.Data, err)
		}
		return string(m.Data), reply
	}
	_, done := say("commit", `{"epoch":"1","conditions":[{"key":"a"}],"operations":[{"key":"a","value": {"n": 1}},{"key":"b","value_base64":"/wA="}]}`)
	if done.Code != bus.CodeOK || done.Position.Epoch != 1 {
		t.Fatalf("%+v", done)
	}
	n := done.Position.Sequence
	for _, c := range []struct{ call, message, want string }{
		{"read", `{"keys":["a","b","c"]}`, fmt.Sprintf(`{"code":0,"position":{"epoch":"1","sequence":"%d"},"items":[`+
			`{"key":"a","value":{"n":1},"revision":"%[1]d"},{"key":"b","value_base64":"/wA=","revision":"%[1]d"},{"key":"c","revision":"0"}]}`, n)},
		{"read", `{"base64":true,"keys":["a"]}`, fmt.Sprintf(`{"code":0,"position":{"epoch":"1","sequence":"%d"},"items":[`+
			`{"key_base64":"YQ==","value_base64":"eyJuIjoxfQ==","revision":"%[1]d"}]}`, n)},
		{"scan", `{"limit":1}`, fmt.Sprintf(`{"code":0,"position":{"epoch":"1","sequence":"%d"},"items":[{"key":"a","value":{"n":1},"revision":"%[1]d"}],"more":true}`, n)},
		{"commit", `{"epoch":"1","conditions":[{"key":"a"}],"operations":[{"key":"a","delete":true}]}`, `"conflicts":["a"]`},
		{"commit", `{"epoch":"1","ranges":[{"keys":1,"sequence":"` + fmt.Sprint(n) + `"}],"operations":[{"key":"a","delete":true}]}`, `"moved":[0]`},
		{"commit", `{"epoch":"2","operations":[{"key":"a","delete":true}]}`, `{"code":503,`},
		{"commit", `{"ticket":"forged","operations":[{"key":"a","delete":true}]}`, `{"code":403,`},
		{"commit", `{"epoch":1}`, `{"code":400,`},
		{"read", `{"key":["a"]}`, `there is no field \"key\"`},
	} {
		if got, _ := say(c.call, c.message); !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %s, want %s", c.call, c.message, got, c.want)
		}
	}
	if got := a.get("a"); got != fmt.Sprintf(`{"n":1}@%d`, n) {
		t.Errorf("a is %s", got)
	}
}
