package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// shown bounds what a sentence repeats of what came, in characters.
const shown = 60

// Check reports whether data is one JSON value in UTF-8, whole characters, with no name twice in an object. The error is a
// sentence for whoever sent it.
func Check(data []byte) error {
	return check(data, nil, false)
}

// Depth is how many lists and objects of JSON stand in one another at most: 0 of a text or number. Who puts JSON that came from elsewhere
// into a message adds to it, and encoding/json reads no more than 10,000.
func Depth(data []byte) (deepest int) {
	depth := 0
	for at := 0; at < len(data); at++ {
		switch data[at] {
		case '"':
			for at++; at < len(data) && data[at] != '"'; at++ {
				if data[at] == '\\' {
					at++
				}
			}
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

// Decode reads what Check accepts into v, a pointer. Names must be those of v, letter by letter, and null may stand only where
// v has a pointer, an interface or JSON as it came. The error is a sentence for whoever sent it.
func Decode(data []byte, v any) error {
	return decode(data, v, false)
}

// DecodeMessage is Decode for what a process of hotpair sends: names that v does not have are passed over unless they are one
// of v's in other letters, and null is an empty list or map too.
func DecodeMessage(data []byte, v any) error {
	return decode(data, v, true)
}

func decode(data []byte, v any, message bool) error {
	if err := check(data, reflect.TypeOf(v), message); err != nil {
		return err
	}
	return translated(json.Unmarshal(data, v))
}

// check goes through data once. target is the pointer type that it is for, nil for any.
func check(data []byte, target reflect.Type, message bool) error {
	if at := firstBad(data); at >= 0 {
		return fmt.Errorf("byte %d (0x%02x) is no UTF-8: JSON is written in UTF-8, and in no other character set such as Latin-1; encode the text as UTF-8", at+1, data[at])
	}
	if !json.Valid(data) {
		var nothing json.RawMessage
		return translated(json.Unmarshal(data, &nothing))
	}
	if target != nil && target.Kind() == reflect.Pointer {
		target = target.Elem()
	}
	var room [8][]byte // enough for most, in one piece of memory
	w := walker{data: data, message: message, names: room[:0]}
	return w.value(target, place{})
}

// firstBad is where data ceases to be UTF-8, -1 if nowhere.
func firstBad(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

// translated says in words for the sender what encoding/json refuses.
func translated(err error) error {
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return fmt.Errorf("field %q can't be a JSON %s; it is %s", wrongType.Field, wrongType.Value, inWords(wrongType.Type))
	case errors.As(err, &wrongType):
		return fmt.Errorf("it can't be a JSON %s; it is %s", wrongType.Value, inWords(wrongType.Type))
	case errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end"):
		return fmt.Errorf("no complete JSON value: it ends after byte %d; send the whole of it", syntax.Offset)
	case errors.As(err, &syntax) && strings.HasSuffix(syntax.Error(), "after top-level value"):
		return fmt.Errorf("more than one JSON value: there is something at byte %d, after the first; send one value and nothing after it", syntax.Offset)
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON at byte %d: %s; send one JSON value", syntax.Offset, syntax.Error())
	}
	return err
}

// inWords says what a type is in JSON.
func inWords(t reflect.Type) string {
	if custom(t) {
		return "a " + t.String()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fmt.Sprintf("a whole number (%s)", t.Kind())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number not below 0 (%s)", t.Kind())
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a text in base64"
		}
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "a " + t.String()
}
