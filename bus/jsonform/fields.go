package jsonform

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/hotpair/hotpair/services/strictjson"
	"github.com/hotpair/hotpair/storage/position"
)

// fields decodes the fields of a JSON message. It keeps the first error.
type fields struct {
	err   error
	list  string // the list whose element is read, "" for none
	index int
}

// in names the list and the index of the fields that are read next.
func (f *fields) in(list string, index int) { f.list, f.index = list, index }

// refuse says what is wrong with a field.
func (f *fields) refuse(name, format string, v ...any) {
	if f.err != nil {
		return
	}
	if f.list != "" {
		name = fmt.Sprintf("%s[%d].%s", f.list, f.index, name)
	}
	f.err = fmt.Errorf("%w: field %q %s", ErrMalformed, name, fmt.Sprintf(format, v...))
}

// number reads a text of digits; "" is 0.
func (f *fields) number(name, text string) uint64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		f.refuse(name, "is %.40q; write a whole number in quotes, such as \"41\"", text)
	}
	return n
}

// hour reads Unix nanoseconds.
func (f *fields) hour(name, text string) int64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f.refuse(name, "is %.40q; write a time in nanoseconds since 1970, in quotes", text)
	}
	return n
}

// duration reads milliseconds.
func (f *fields) duration(name string, ms int64) time.Duration {
	d := time.Duration(ms) * time.Millisecond
	if d.Milliseconds() != ms {
		f.refuse(name, "is %d; that is more milliseconds than can be counted", ms)
	}
	return d
}

func (f *fields) position(name string, p *place) (at position.Position) {
	if p != nil {
		at = position.Position{Epoch: f.number(name+".epoch", p.Epoch), Sequence: f.number(name+".sequence", p.Sequence)}
	}
	return at
}

// text reads what is given as text or in base64.
func (f *fields) text(name, text, coded string) []byte {
	if coded == "" {
		return []byte(text)
	}
	if text != "" {
		f.twice(name)
	}
	return f.base64(name, coded)
}

// texts reads a list of them.
func (f *fields) texts(name string, texts, coded []string) [][]byte {
	if len(texts) > 0 && len(coded) > 0 {
		f.twice(name)
	}
	if len(texts)+len(coded) == 0 {
		return nil
	}
	list := make([][]byte, 0, len(texts)+len(coded))
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	for _, text := range coded {
		list = append(list, f.base64(name, text))
	}
	return list
}

// document reads what is given as JSON or in base64. JSON is kept without the space between its parts.
func (f *fields) document(name string, document json.RawMessage, coded string) []byte {
	if coded != "" {
		if len(document) > 0 {
			f.twice(name)
		}
		return f.base64(name, coded)
	}
	if !bytes.ContainsAny(document, " \t\r\n") {
		return document
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, document); err != nil {
		f.refuse(name, "is not JSON: %v", err) // never: it was read as such
	}
	return compact.Bytes()
}

func (f *fields) twice(name string) {
	f.refuse(name, "and %q are both given; give one of them", name+coding)
}

// base64 reads name_base64.
func (f *fields) base64(name, coded string) []byte {
	data, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		f.refuse(name+coding, "is not base64 (the alphabet with + and /, padded with =): %v", err)
	}
	return data
}

// coding ends the names of fields in base64.
const coding = "_base64"

// place is a position.
type place struct {
	Epoch    string `json:"epoch"`
	Sequence string `json:"sequence"`
}

func placeOf(p position.Position) *place {
	if p.IsZero() {
		return nil
	}
	return &place{strconv.FormatUint(p.Epoch, 10), strconv.FormatUint(p.Sequence, 10)}
}

// digits writes a number; 0 is "", which is left out.
func digits(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// texts writes bytes as text or, where they are none or base64 is wanted, in base64.
func texts(data []byte, coded bool) (text, inBase64 string) {
	if !coded && utf8.Valid(data) {
		return string(data), ""
	}
	return "", base64.StdEncoding.EncodeToString(data)
}

// lists writes a list as texts, all of it in base64 if one is none.
func lists(list [][]byte, coded bool) (plain, inBase64 []string) {
	for _, data := range list {
		coded = coded || !utf8.Valid(data)
	}
	for _, data := range list {
		text, other := texts(data, coded)
		if coded {
			inBase64 = append(inBase64, other)
		} else {
			plain = append(plain, text)
		}
	}
	return plain, inBase64
}

// documents writes bytes as JSON or, where they are none or base64 is wanted, in base64.
func documents(data []byte, coded bool) (document json.RawMessage, inBase64 string) {
	switch {
	case len(data) == 0:
		return nil, ""
	case !coded && strictjson.Check(data) == nil && depthOf(data) <= maxDocument:
		return data, ""
	}
	return nil, base64.StdEncoding.EncodeToString(data)
}

// encode writes a message. Characters that only browsers mind stay as they are, so that documents come back as they were put.
func encode(v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("write %T as JSON: %w", v, err)
	}
	return bytes.TrimRight(buffer.Bytes(), "\n"), nil
}
