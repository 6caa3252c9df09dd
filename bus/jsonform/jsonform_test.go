package jsonform_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/jsonform"
)

// fill sets every field to something of its own, so that none can be lost or mistaken for another. What is bytes is a document if the
// field can hold nothing else, and otherwise what text makes of a number.
func fill(v reflect.Value, field string, number *int, text func(int) []byte) {
	*number++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), field, number, text)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), v.Type().Field(i).Name, number, text)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if field == "Body" {
				v.SetBytes(fmt.Appendf(nil, `{"n":%d}`, *number))
			} else {
				v.SetBytes(text(*number))
			}
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), field, number, text)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *number))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		n := int64(*number)
		if v.Type() == reflect.TypeFor[time.Duration]() {
			n *= int64(time.Millisecond)
		} else if field == "At" {
			n += 1 << 60
		}
		v.SetInt(n)
	case reflect.Uint64:
		v.SetUint(1<<63 + uint64(*number))
	default:
		panic("a field of a kind that is not filled: " + v.Type().String())
	}
}

var alphabets = map[string]func(int) []byte{
	"text":   func(n int) []byte { return fmt.Appendf(nil, "schlüssel %d", n) },
	"binary": func(n int) []byte { return []byte{0xff, 0, byte(n)} },
	"json":   func(n int) []byte { return fmt.Appendf(nil, `{"<n>":[%d,"\u2028 "]}`, n) },
}

// TestCalls_EveryFieldHasJSON fails for a field of a call that has none: whoever adds one gives it a name here.
func TestCalls_EveryFieldHasJSON(t *testing.T) {
	for alphabet, text := range alphabets {
		for name, call := range map[string]bus.DatabaseCall{
			"read": {Read: new(bus.Read)}, "scan": {Scan: new(bus.Scan)}, "commit": {Commit: new(bus.Commit)},
		} {
			for i := range reflect.TypeFor[bus.DatabaseCall]().NumField() {
				if one := reflect.ValueOf(&call).Elem().Field(i); !one.IsNil() {
					fill(one, "", new(int), text)
				}
			}
			for _, base64 := range []bool{false, true} {
				message, err := jsonform.EncodeCall(call, base64)
				if err != nil {
					t.Fatal(err)
				}
				got, coded, err := jsonform.DecodeCall(name, message)
				if err != nil || coded != base64 {
					t.Errorf("%s: %v %v", message, coded, err)
				}
				if diff := cmp.Diff(call, got); diff != "" {
					t.Errorf("%s of %s as %s: %s", name, alphabet, message, diff)
				}
			}
		}
	}
}

// TestReply_EveryFieldHasJSON is the same for replies.
func TestReply_EveryFieldHasJSON(t *testing.T) {
	for alphabet, text := range alphabets {
		var reply bus.DatabaseReply
		fill(reflect.ValueOf(&reply).Elem(), "", new(int), text)
		reply.Recorded.Receipt = nil // terminal-if makes it, of what a service has answered
		reply.Recorded.Crashes = 0   // within terminal-if alone
		for _, base64 := range []bool{false, true} {
			message, err := jsonform.EncodeReply(reply, base64)
			if err != nil {
				t.Fatal(err)
			}
			got, err := jsonform.DecodeReply(message)
			if err != nil {
				t.Errorf("%s: %v", message, err)
			}
			if diff := cmp.Diff(reply, got); diff != "" {
				t.Errorf("%s as %s: %s", alphabet, message, diff)
			}
			if plain := bytes.Contains(message, []byte(`"value":`)); plain != (alphabet == "json" && !base64) {
				t.Errorf("%s with base64 %v: %s", alphabet, base64, message)
			}
		}
	}
}

// TestRead_AnswersInTheFormOfTheCall: the first byte decides, and a call that can't be read is refused in its form.
func TestRead_AnswersInTheFormOfTheCall(t *testing.T) {
	reply := bus.DatabaseReply{Code: bus.CodeOverloaded, Message: "later"}
	read := bus.Read{Ticket: "t", Keys: [][]byte{[]byte("a")}}
	binary, err := bus.Encode(read)
	if err != nil {
		t.Fatal(err)
	}
	for message, failed := range map[string]error{
		string(binary): nil, `{"ticket":"t","keys":["a"]}`: nil,
		`{"ticket":7}`: jsonform.ErrMalformed, "\x02": bus.ErrVersion, "": bus.ErrMalformed, " {}": bus.ErrVersion,
	} {
		call, write, err := jsonform.Read("read", []byte(message))
		if !errors.Is(err, failed) {
			t.Errorf("%q: %v, want %v", message, err, failed)
		}
		if failed == nil && !cmp.Equal(&read, call.Read) {
			t.Errorf("%q is read as %+v", message, call.Read)
		}
		data, err := write(reply)
		if err != nil {
			t.Fatal(err)
		}
		var got bus.DatabaseReply
		if jsonform.Spoken([]byte(message)) {
			got, err = jsonform.DecodeReply(data)
		} else {
			err = bus.Decode(data, &got)
		}
		if err != nil || !cmp.Equal(got, reply) {
			t.Errorf("%q is answered with %q: %+v %v", message, data, got, err)
		}
	}
}

func TestDecodeCall_SaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, message, said string }{
		{"commit", `{"conditions":[{"key":"a"},{"key":"b","revision":"x"}]}`, `field "conditions[1].revision" is "x"; write a whole number in quotes`},
		{"commit", `{"conditions":[{"key":"a","revision":41}]}`, `can't be a JSON number; it is a text`},
		{"commit", `{"operations":[{"key":"a","key_base64":"YQ=="}]}`, `field "operations[0].key" and "key_base64" are both given`},
		{"commit", `{"operations":[{"key":"a","value":1,"value_base64":"YQ=="}]}`, `field "operations[0].value" and "value_base64" are both given`},
		{"commit", `{"operations":[{"key":"a","value_base64":"?"}]}`, `field "operations[0].value_base64" is not base64`},
		{"commit", `{"operations":[{"key":"a","value":{"b":1,"b":2}}]}`, `the name "b" stands twice`},
		{"commit", `{"operations":[{"kay":"a"}]}`, `there is no field "kay"; there are key, key_base64, value, value_base64, delete`},
		{"commit", `{"answer":{"body":{}},"outbox":{"timers":[{"key":"a","at_ns":"noon"}]}}`, `field "outbox.timers[0].at_ns" is "noon"; write a time`},
		{"commit", `{"outbox":{"timers":[{"key":"a","after_ms":9223372036854775807}]}}`, `more milliseconds than can be counted`},
		{"commit", `{"epoch":"-1"}`, `field "epoch" is "-1"`},
		{"commit", `{"ticket":"a","Ticket":"b"}`, `there is no field "Ticket": write "ticket"`},
		{"read", `{"keys":["a"],"keys_base64":["YQ=="]}`, `field "keys" and "keys_base64" are both given`},
		{"read", `{"keys":["\ud83d"]}`, `half of a character`},
		{"read", "{\"keys\":[\"\xff\"]}", `no UTF-8`},
		{"read", `{"keys":`, `no complete JSON value`},
		{"scan", `{"position":{"epoch":"7","sequence":"4.5"}}`, `field "position.sequence" is "4.5"`},
		{"scan", `{"limit":"3"}`, `field "limit" can't be a JSON string`},
		{"scan", `{"after_base64":"Zm9v!"}`, `field "after_base64" is not base64`},
		{"drop", `{}`, `unknown call "drop"`},
	} {
		_, _, err := jsonform.DecodeCall(c.name, []byte(c.message))
		if !errors.Is(err, jsonform.ErrMalformed) || !strings.Contains(err.Error(), c.said) {
			t.Errorf("%s %s: %v, want %s", c.name, c.message, err, c.said)
		}
		if r := jsonform.Refusal(err); r.Code != bus.CodeMalformed || r.Message != err.Error() {
			t.Errorf("%+v", r)
		}
	}
}

// TestDecodeCall_IsBounded: what would take much more memory than its bytes is refused before anything is made of it.
func TestDecodeCall_IsBounded(t *testing.T) {
	many := func(n int, what string) string { return strings.Repeat(what+",", n-1) + what }
	for name, c := range map[string]struct {
		message string
		want    error
	}{
		"bytes":             {`{"ticket":"` + strings.Repeat("a", jsonform.MaxBytes) + `"}`, jsonform.ErrTooLarge},
		"conditions":        {`{"conditions":[` + many(jsonform.MaxElements+1, "{}") + `]}`, jsonform.ErrTooLarge},
		"timers":            {`{"outbox":{"timers":[` + many(jsonform.MaxElements+1, "{}") + `]}}`, jsonform.ErrTooLarge},
		"timers, by escape": {`{"ticket":"\"answer","outbox":{"timers":[` + many(jsonform.MaxElements+1, "{}") + `]}}`, jsonform.ErrTooLarge},
		"depth":             {`{"operations":[{"key":"a","value":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}]}`, jsonform.ErrMalformed},
		"brackets":          {"{" + strings.Repeat("[", 1<<20), jsonform.ErrMalformed},
		"as many as may be": {`{"conditions":[` + many(jsonform.MaxElements, "{}") + `]}`, nil},
		"a long answer":     {`{"answer":{"body":[` + many(jsonform.MaxElements+1, "1") + `]}}`, nil},
		"a long value":      {`{"operations":[{"key":"a","value":[` + many(jsonform.MaxElements+1, `",[{"`) + `]}]}`, nil},
	} {
		_, _, err := jsonform.DecodeCall("commit", []byte(c.message))
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if want := bus.CodeTooLarge; errors.Is(c.want, jsonform.ErrTooLarge) && jsonform.Refusal(err).Code != want {
			t.Errorf("%s: %+v", name, jsonform.Refusal(err))
		}
	}
}

// TestDocuments_KeepWhatTheySay: a value is kept without the space between its parts and otherwise to the letter, numbers too.
func TestDocuments_KeepWhatTheySay(t *testing.T) {
	message := `{"operations":[{"key":"a","value": { "n" : 12345678901234567890.10, "s":"<a  b>` + "\u2028" + `" } },{"key":"b","value":null},{"key":"c"}]}`
	call, _, err := jsonform.DecodeCall("commit", []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{"n":12345678901234567890.10,"s":"<a  b>` + "\u2028" + `"}`, "null", ""}
	reply := bus.DatabaseReply{}
	for i, op := range call.Commit.Operations {
		if string(op.Value) != want[i] {
			t.Errorf("%s, want %s", op.Value, want[i])
		}
		reply.Items = append(reply.Items, bus.Item{Key: op.Key, Value: op.Value, Revision: uint64(i)})
	}
	data, err := jsonform.EncodeReply(reply, false)
	if err != nil {
		t.Fatal(err)
	}
	if said := `{"code":0,"items":[{"key":"a","value":` + want[0] + `,"revision":"0"},{"key":"b","value":null,"revision":"1"},{"key":"c","revision":"2"}]}`; string(data) != said {
		t.Errorf("%s, want %s", data, said)
	}
}

// TestEncodeReply_FitsAMessage: base64 makes values longer than they are, and a reply that can't be sent would look like none.
func TestEncodeReply_FitsAMessage(t *testing.T) {
	reply := bus.DatabaseReply{Items: []bus.Item{{Key: []byte("a"), Value: make([]byte, 7<<20), Revision: 1}}}
	data, err := jsonform.EncodeReply(reply, false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := jsonform.DecodeReply(data)
	if err != nil || got.Code != bus.CodeTooLarge || len(got.Items) != 0 {
		t.Errorf("%d bytes: %d %s %v", len(data), got.Code, got.Message, err)
	}
	deep := []byte(strings.Repeat("[", 300) + strings.Repeat("]", 300))
	data, err = jsonform.EncodeReply(bus.DatabaseReply{Items: []bus.Item{{Value: deep}}}, false)
	if err != nil || !bytes.Contains(data, []byte("value_base64")) {
		t.Errorf("%s %v: a value so deep ends readers in other languages", data, err)
	}
}

// FuzzDecodeCall: nothing panics; what is refused is told; what is read is the same when it is written again.
func FuzzDecodeCall(f *testing.F) {
	for name, call := range map[string]bus.DatabaseCall{
		"read": {Read: new(bus.Read)}, "scan": {Scan: new(bus.Scan)}, "commit": {Commit: new(bus.Commit)},
	} {
		fill(reflect.ValueOf(&call).Elem().FieldByName(strings.ToUpper(name[:1])+name[1:]), "", new(int), alphabets["json"])
		message, err := jsonform.EncodeCall(call, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, message)
	}
	f.Add("commit", []byte(`{"answer":{"body":[1, 2]},"operations":[{"key":"a","value":null}],"outbox":{}}`))
	f.Fuzz(func(t *testing.T, name string, message []byte) {
		call, base64, err := jsonform.DecodeCall(name, message)
		if err != nil {
			if !utf8.ValidString(err.Error()) || call != (bus.DatabaseCall{}) {
				t.Errorf("%q: %q", message, err)
			}
			return
		}
		if call.Commit != nil {
			// Bodies in base64 that are no JSON are the updater's to refuse.
			call.Commit.Outbox.Timers, call.Commit.Outbox.Notices, call.Commit.Outbox.Emissions = nil, nil, nil
		}
		again, err := jsonform.EncodeCall(call, base64)
		if err != nil {
			t.Fatalf("%q: %v", message, err)
		}
		if len(again) > jsonform.MaxBytes {
			return
		}
		back, _, err := jsonform.DecodeCall(name, again)
		if diff := cmp.Diff(call, back, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%q is written as %q: %v %s", message, again, err, diff)
		}
	})
}

// FuzzDecodeReply is the same for replies.
func FuzzDecodeReply(f *testing.F) {
	for _, text := range alphabets {
		var reply bus.DatabaseReply
		fill(reflect.ValueOf(&reply).Elem(), "", new(int), text)
		message, err := jsonform.EncodeReply(reply, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		reply, err := jsonform.DecodeReply(message)
		if err != nil {
			return
		}
		for _, base64 := range []bool{false, true} {
			again, err := jsonform.EncodeReply(reply, base64)
			if err != nil || !json.Valid(again) {
				t.Fatalf("%q: %q %v", message, again, err)
			}
			back, err := jsonform.DecodeReply(again)
			if diff := cmp.Diff(reply, back, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("%q is written as %q: %v %s", message, again, err, diff)
			}
		}
	})
}
