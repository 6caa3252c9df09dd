package kv_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/kv"
)

// step is one request with the reply it must get. %d in body or want is the revision that the key "n" had when it was
// written by the step before that saved it.
type step struct {
	name      string
	operation string
	body      string
	code      int
	want      string // the body, or a part of the message when code is not 0
}

func run(t *testing.T, host *businesstest.Host, steps []step) {
	t.Helper()
	for _, s := range steps {
		reply := host.Call(businesstest.Request(kv.Name, s.operation, s.body))
		switch {
		case reply.Code != s.code:
			t.Errorf("%s: code %d (%s), want %d", s.name, reply.Code, reply.Message, s.code)
		case s.code == 0 && string(reply.Body) != s.want:
			t.Errorf("%s: %s, want %s", s.name, reply.Body, s.want)
		case s.code != 0 && !strings.Contains(reply.Message, s.want):
			t.Errorf("%s: %q, want %q in it", s.name, reply.Message, s.want)
		}
		if written := reply.Code == 0 && s.operation != "get" && s.operation != "list"; written == reply.Position.IsZero() {
			t.Errorf("%s: position %v", s.name, reply.Position)
		}
	}
}

func TestKV_Operations(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(kv.Service())
	// The entry that begins the epoch has sequence 1, so the first update has 2.
	run(t, host, []step{
		{"absent", "get", `{"key":"a"}`, 404, `"a" is absent`},
		{"put", "put", `{"key":"a","value":{"n":1}}`, 0, `{"revision":2}`},
		{"get", "get", `{"key":"a"}`, 0, `{"value":{"n":1},"revision":2}`},
		{"put again", "put", `{"key":"a","value":[1,"<&>",1e400,12345678901234567890]}`, 0, `{"revision":3}`},
		{"value as it came", "get", `{"key":"a"}`, 0, `{"value":[1,"<&>",1e400,12345678901234567890],"revision":3}`},
		{"null is a value", "put", `{"key":"null","value":null}`, 0, `{"revision":4}`},
		{"get null", "get", `{"key":"null"}`, 0, `{"value":null,"revision":4}`},
		{"cas of absent", "cas", `{"key":"b","value":1,"revision":0}`, 0, `{"revision":5}`},
		{"cas of present as absent", "cas", `{"key":"b","value":2,"revision":0}`, 409, `"b" is at revision 5, not 0`},
		{"cas", "cas", `{"key":"b","value":2,"revision":5}`, 0, `{"revision":6}`},
		{"cas late", "cas", `{"key":"b","value":3,"revision":5}`, 409, `"b" is at revision 6, not 5`},
		{"cas of nothing", "cas", `{"key":"c","value":3,"revision":5}`, 409, `"c" is absent (revision 0), not at revision 5`},
		{"get after cas", "get", `{"key":"b"}`, 0, `{"value":2,"revision":6}`},
		{"delete", "delete", `{"key":"b"}`, 0, `{"revision":7}`},
		{"delete again", "delete", `{"key":"b"}`, 404, `"b" is absent`},
		{"get deleted", "get", `{"key":"b"}`, 404, `"b" is absent`},
		{"cas after delete", "cas", `{"key":"b","value":9,"revision":0}`, 0, `{"revision":8}`},
		{"odd keys", "put", `{"key":" ä/\u0000.*>","value":0}`, 0, `{"revision":9}`},
		{"get odd key", "get", `{"key":" ä/\u0000.*>"}`, 0, `{"value":0,"revision":9}`},
	})
}

func TestKV_List(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(kv.Service())
	for _, key := range []string{"b/2", "a", "b/1", "b/3", "c"} {
		host.Call(businesstest.Request(kv.Name, "put", fmt.Sprintf(`{"key":%q,"value":%q}`, key, key)))
	}
	run(t, host, []step{
		{"all", "list", `{}`, 0, `{"items":[{"key":"a","value":"a","revision":3},{"key":"b/1","value":"b/1","revision":4},{"key":"b/2","value":"b/2","revision":2},{"key":"b/3","value":"b/3","revision":5},{"key":"c","value":"c","revision":6}],"more":false}`},
		{"prefix", "list", `{"prefix":"b/","limit":2}`, 0, `{"items":[{"key":"b/1","value":"b/1","revision":4},{"key":"b/2","value":"b/2","revision":2}],"more":true}`},
		{"next page", "list", `{"prefix":"b/","limit":2,"after":"b/2"}`, 0, `{"items":[{"key":"b/3","value":"b/3","revision":5}],"more":false}`},
		{"after what is not there", "list", `{"prefix":"b/","after":"b/25"}`, 0, `{"items":[{"key":"b/3","value":"b/3","revision":5}],"more":false}`},
		{"after the range", "list", `{"prefix":"b/","after":"z"}`, 0, `{"items":[],"more":false}`},
		{"before the range", "list", `{"prefix":"c","after":"a"}`, 0, `{"items":[{"key":"c","value":"c","revision":6}],"more":false}`},
		{"nothing", "list", `{"prefix":"x"}`, 0, `{"items":[],"more":false}`},
		{"negative limit", "list", `{"limit":-1}`, 400, `"limit"`},
		{"large limit", "list", `{"limit":1001}`, 400, `"limit"`},
	})
}

func TestKV_RefusesWhatIsMalformed(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(kv.Service())
	long := strings.Repeat("k", kv.MaxKey+1)
	run(t, host, []step{
		{"no JSON", "put", `{"key":`, 400, "no complete JSON value"},
		{"broken JSON", "put", `{"key" 1}`, 400, "no JSON at byte"},
		{"no object", "put", `[1]`, 400, "can't be a JSON array"},
		{"two values", "put", `{"key":"a","value":1}{}`, 400, "more than one"},
		{"unknown field", "put", `{"key":"a","value":1,"ttl":3}`, 400, `there is no field "ttl"`},
		{"wrong type", "put", `{"key":7,"value":1}`, 400, `field "key" can't be a JSON number`},
		{"no key", "put", `{"value":1}`, 400, `"key"`},
		{"no value", "put", `{"key":"a"}`, 400, `"value"`},
		{"no body", "put", ``, 400, `"key"`},
		{"long key", "put", `{"key":"` + long + `","value":1}`, 400, `"key"`},
		{"get without key", "get", `{}`, 400, `"key"`},
		{"cas without revision", "cas", `{"key":"a","value":1}`, 400, `"revision"`},
		{"cas without value", "cas", `{"key":"a","revision":1}`, 400, `"value"`},
		{"negative revision", "cas", `{"key":"a","value":1,"revision":-1}`, 400, `"revision"`},
		{"delete without key", "delete", `{}`, 400, `"key"`},
		{"too large", "put", `{"key":"a","value":"` + strings.Repeat("x", 1<<20) + `"}`, bus.CodeTooLarge, "too large"},
		{"far too large", "put", `{"key":"a","value":"` + strings.Repeat("x", 5<<20) + `"}`, bus.CodeTooLarge, "at most"},
		{"unknown operation", "increment", `{}`, 404, `kv has no operation "increment", only cas, delete, get, list, put`},
	})
	if n := host.Database.Len(kv.Name); n != 0 {
		t.Errorf("%d keys were written", n)
	}
}

func TestKV_WritesNeedNoRead(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(kv.Service())
	run(t, host, []step{
		{"put", "put", `{"key":"a","value":1}`, 0, `{"revision":2}`},
		{"cas", "cas", `{"key":"a","value":2,"revision":2}`, 0, `{"revision":3}`},
		{"delete", "delete", `{"key":"a"}`, 0, `{"revision":4}`},
	})
	if calls := host.Database.Calls(); calls.Reads != 0 || calls.Commits != 3 {
		t.Errorf("%+v, want 3 commits and no read", calls)
	}
}
