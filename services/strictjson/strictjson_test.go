package strictjson

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

type inner struct {
	Amount int64 `json:"amount"`
}

type embedded struct {
	Note string `json:"note"`
}

// shape has what messages and requests have.
type shape struct {
	embedded
	Key      string            `json:"key"`
	Value    json.RawMessage   `json:"value"`
	Limit    int               `json:"limit"`
	Revision *uint64           `json:"revision"`
	List     []inner           `json:"list"`
	Inner    inner             `json:"inner"`
	ByName   map[string]inner  `json:"by_name"`
	Labels   map[string]string `json:"labels"`
	When     time.Time         `json:"when"`
	Any      any               `json:"any"`
	Code     []byte            `json:"code"`
	Plain    string
	Hidden   string `json:"-"`
	Text     uint64 `json:"text,string"`
}

// TestFault_B5_NamesAreReadStrictly: Latin-1 "Möller" and "Müller" were one account, AMOUNT counted for amount, of two amounts the
// last one, null was 0, and all lone surrogates were one key.
func TestFault_B5_NamesAreReadStrictly(t *testing.T) {
	for _, c := range []struct{ name, text, said string }{
		{"latin-1", "{\"key\":\"M\xf6ller\"}", "byte 10 (0xf6) is no UTF-8"},
		{"cut character", "{\"key\":\"\xe2\x82\"}", "byte 9 (0xe2) is no UTF-8"},
		{"surrogate as UTF-8", "{\"key\":\"\xed\xa0\x80\"}", "byte 9 (0xed) is no UTF-8"},
		{"high surrogate", `{"key":"a\ud800"}`, `\ud800 at byte 10 is half of a character`},
		{"low surrogate", `{"key":"\uDC00x"}`, `\uDC00 at byte 9 is half of a character`},
		{"two high ones", `{"key":"\ud800\ud800"}`, `\ud800 at byte 9 is half of a character`},
		{"surrogate in a name", `{"value":{"\udfff":1}}`, `\udfff at byte 12 is half`},
		{"surrogate in a value of any shape", `{"value":["\udfff"]}`, `\udfff at byte 12 is half`},
		{"name twice", `{"limit":1,"limit":500}`, `the name "limit" stands twice`},
		{"name twice, once escaped", `{"limit":1,"\u006cimit":500}`, `the name "limit" stands twice`},
		{"name twice below", `{"inner":{"amount":1,"amount":2}}`, `the name "amount" stands twice`},
		{"name twice in a value of any shape", `{"value":[{"a":1,"b":2,"a":1}]}`, `the name "a" stands twice`},
		{"name twice among many", `{"value":{` + numbered(100) + `,"n3":0}}`, `the name "n3" stands twice`},
		{"map entry twice", `{"by_name":{"a":{},"a":{}}}`, `the name "a" stands twice`},
		{"other case", `{"key":"a","LIMIT":3}`, `there is no field "LIMIT": write "limit"`},
		{"other case beside the right one", `{"limit":1,"Limit":500}`, `there is no field "Limit": write "limit"`},
		{"folded beyond ASCII", `{"\u212aey":"a"}`, `write "key"`},
		{"other case below", `{"list":[{"Amount":3}]}`, `write "amount"`},
		{"other case in a map", `{"by_name":{"x":{"Amount":3}}}`, `write "amount"`},
		{"other case embedded", `{"Note":""}`, `write "note"`},
		{"null number", `{"limit":null}`, `field "limit" is null; it is a whole number`},
		{"null text", `{"key":null}`, `field "key" is null; it is a text`},
		{"null object", `{"inner":null}`, `field "inner" is null; it is an object`},
		{"null time", `{"when":null}`, `field "when" is null; it is a time.Time`},
		{"null element", `{"list":[null]}`, `an element of field "list" is null`},
		{"null entry", `{"labels":{"a":null}}`, `field "a" is null; it is a text`},
		{"null itself", `null`, `the JSON is null; it is an object`},
		{"more after it", `{"key":"a"}{}`, "something at byte 12"},
		{"cut", `{"key":`, "ends after byte 7"},
		{"empty", ``, "ends after byte 0"},
		{"wrong type", `{"limit":"3"}`, `field "limit" can't be a JSON string; it is a whole number (int)`},
		{"wrong type of all", `[]`, "can't be a JSON array; it is an object"},
		{"out of range", `{"limit":1e99}`, `field "limit" can't be a JSON number 1e99`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, read := range []func([]byte, any) error{Decode, DecodeMessage} {
				var got shape
				if err := read([]byte(c.text), &got); err == nil || !strings.Contains(err.Error(), c.said) {
					t.Errorf("%q is read as %+v (%v), want an error with %q", c.text, got, err, c.said)
				}
			}
		})
	}
	// Only requests: a process of ours may be newer, and writes an empty list as null.
	for text, said := range map[string]string{
		`{"other":1}`:          `there is no field "other"; there are key, value, limit`,
		`{"inner":{"more":1}}`: `there is no field "more"; there are amount`,
		`{"Hidden":"x"}`:       `there is no field "Hidden"`,
		`{"list":null}`:        `field "list" is null; it is a list`,
		`{"labels":null}`:      `field "labels" is null; it is an object`,
		`{"code":null}`:        `field "code" is null; it is a text in base64`,
	} {
		var got shape
		if err := Decode([]byte(text), &got); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v, want %s", text, err, said)
		}
		if err := DecodeMessage([]byte(text), &got); err != nil {
			t.Errorf("message %s: %v", text, err)
		}
	}
}

func numbered(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, `"n`+strings.Repeat("x", i)+`":1`)
	}
	return strings.Join(append(parts, `"n3":1`), ",")
}

// TestDecode_ReadsWhatIsMeant: everything that says one thing is read, and as encoding/json reads it.
func TestDecode_ReadsWhatIsMeant(t *testing.T) {
	for _, text := range []string{
		`{}`, " \t\r\n{ } ", `{"key":"Möller","limit":3,"value":{"a":[1,{"a":2}],"A":null},"revision":null}`,
		`{"key":"\ud83d\ude00 \u00e4 \" \\","any":null,"revision":7}`, `{"list":[{"amount":1},{"amount":2}],"inner":{"amount":-1}}`,
		`{"by_name":{"a":{"amount":1},"A":{"amount":2}},"labels":{"":"x"}}`, `{"note":"n","Plain":"p","text":"5","code":"AQI="}`,
		`{"when":"2026-01-02T03:04:05Z"}`, `{"value":{` + numbered(100) + `}}`, `{"key":"` + "\uFFFD" + `"}`,
	} {
		var got, want shape
		if err := Decode([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v (%v)", text, got, want, err)
		}
		if err := Check([]byte(text)); err != nil {
			t.Errorf("check %s: %v", text, err)
		}
	}
	for _, text := range []string{`null`, `1`, `"a"`, `[1,"b",{"a":{"a":1}}]`, `true`} {
		if err := Check([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	deep := []byte(strings.Repeat("[", 1<<20))
	if err := Check(deep); err == nil {
		t.Error("a million brackets are taken")
	}
}

// FuzzDecode: nothing panics; what is accepted says one thing, which is what encoding/json reads; what is refused is told.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `null`, `{"key":"a","value":{"x":[1]},"limit":3}`, `{"KEY":1}`, `{"key":"\ud83d\ude00"}`, `{"key":"\ud83d"}`, "{\"key\":\"\xff\"}",
		`{"list":[{"amount":1}],"by_name":{"a":{"amount":2}}}`, `{"a":1,"a":2}`, `{"limit":1e99}`, `{"key":"a"}{}`, `{"when":null}`, `[[]]`, `"`, `{"":{"\u0000":0}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, message, plain shape
		decoded, wanted := Decode(text, &got), json.Unmarshal(text, &plain)
		for _, err := range []error{decoded, DecodeMessage(text, &message)} {
			if err != nil && (err.Error() == "" || !utf8.ValidString(err.Error())) {
				t.Errorf("%q: %q", text, err)
			}
		}
		if decoded == nil && (wanted != nil || !reflect.DeepEqual(got, plain) || !reflect.DeepEqual(message, plain)) {
			t.Errorf("%q: %+v and %+v, want %+v (%v)", text, got, message, plain, wanted)
		}
		if err := Check(text); err == nil && !json.Valid(text) || err != nil && decoded == nil {
			t.Errorf("%q is checked as %v", text, err)
		}
		// Without a word twice or astray, reading is the inverse of writing.
		if decoded == nil {
			again, err := json.Marshal(got)
			if err != nil {
				return // a number or a time that can't be written
			}
			var back shape
			if err := DecodeMessage(again, &back); err != nil {
				t.Errorf("%q is written as %q, which is refused: %v", text, again, err)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	text := []byte(`{"from":"account-000017","to":"account-000018","amount":25,"note":{"of":["shop","till 3"],"at":"2026-01-02T03:04:05Z"}}`)
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if Check(text) != nil {
				b.Fatal()
			}
		}
	})
	b.Run("valid", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !json.Valid(text) {
				b.Fatal()
			}
		}
	})
}

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "1": 0, `"[[{"`: 0, "[]": 1, `{"a":[1,{"b":[]}],"c":[]}`: 4, `["\\\"[",[]]`: 2, `{"[":"\\"}`: 1, "]]": 0, `"\`: 0, "[[": 2, "[],[[]]": 2,
	} {
		if got := Depth([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
