package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
)

// fewNames is up to how many names of one object are compared one by one.
const fewNames = 16

// walker goes through text that is JSON and UTF-8.
type walker struct {
	data    []byte
	at      int
	message bool
	names   [][]byte // of the objects that are open, the innermost last
}

// place is where a value stands, for a sentence.
type place struct {
	name    []byte // of the field; nil for the whole
	element bool   // of the list that stands there
}

func (p place) String() string {
	called := "the JSON"
	if p.name != nil {
		called = "field " + quoted(p.name)
	}
	if p.element {
		called = "an element of " + called
	}
	return called
}

// value goes through one value for a type, nil for any.
func (w *walker) value(t reflect.Type, where place) error {
	w.space()
	switch w.data[w.at] {
	case '{':
		return w.object(inside(t))
	case '[':
		return w.list(inside(t), where)
	case '"':
		_, err := w.text()
		return err
	case 'n':
		if t != nil && !w.optional(t) {
			return fmt.Errorf("%s is null; it is %s: give its value, or leave it out where it may be left out", where, inWords(t))
		}
	}
	w.word()
	return nil
}

// inside is the type whose names and elements are looked at, nil if any will do.
func inside(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Interface || custom(t) {
		return nil
	}
	return t
}

// optional reports whether a value of the type may be null.
func (w *walker) optional(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		return true
	case reflect.Slice, reflect.Map:
		return t == reflect.TypeFor[json.RawMessage]() || w.message && !custom(t)
	}
	return false
}

// custom reports whether a type reads its JSON by itself, so that nothing is known of its names.
func custom(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func (w *walker) list(t reflect.Type, where place) error {
	var element reflect.Type
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		element = t.Elem()
	}
	where.element = true
	w.at++ // the bracket
	for w.space(); w.data[w.at] != ']'; w.space() {
		if err := w.value(element, where); err != nil {
			return err
		}
		w.comma()
	}
	w.at++
	return nil
}

func (w *walker) object(t reflect.Type) error {
	opened := len(w.names)
	defer func() { w.names = w.names[:opened] }()
	var many map[string]bool // the same names, once they are too many to be compared one by one
	w.at++                   // the brace
	for w.space(); w.data[w.at] != '}'; w.space() {
		name, err := w.name()
		if err != nil {
			return err
		}
		if w.known(name, opened, &many) {
			return fmt.Errorf("the name %s stands twice in one object, and only one of the values can be meant; give it once", quoted(name))
		}
		of, err := w.typeOf(t, name)
		if err != nil {
			return err
		}
		w.space()
		w.at++ // the colon
		if err := w.value(of, place{name: name}); err != nil {
			return err
		}
		w.comma()
	}
	w.at++
	return nil
}

// known reports whether the innermost object, whose names begin at opened, has had a name, and notes it.
func (w *walker) known(name []byte, opened int, many *map[string]bool) bool {
	own := w.names[opened:]
	if len(own) == fewNames && *many == nil {
		*many = make(map[string]bool, 4*fewNames)
		for _, n := range own {
			(*many)[string(n)] = true
		}
	}
	if *many != nil {
		there := (*many)[string(name)]
		(*many)[string(name)] = true
		return there
	}
	for _, n := range own {
		if bytes.Equal(n, name) {
			return true
		}
	}
	w.names = append(w.names, name)
	return false
}

// field is one of a struct, by its name in JSON.
type field struct {
	of   reflect.Type
	name string
}

// fields are the types of fields that were found, field → reflect.Type: as many as there are in the types of the program, for names that
// nothing has are not kept. Looking through a struct for each name took a tenth of what an idle main does.
var fields sync.Map

// typeOf gives the type of what a name of an object holds, nil if any.
func (w *walker) typeOf(t reflect.Type, name []byte) (reflect.Type, error) {
	switch {
	case t == nil:
		return nil, nil
	case t.Kind() == reflect.Map:
		return t.Elem(), nil
	case t.Kind() != reflect.Struct:
		return nil, nil
	}
	key := field{t, string(name)}
	if found, known := fields.Load(key); known {
		return found.(reflect.Type), nil
	}
	var s search
	s.in(t, key.name)
	switch {
	case s.found != nil:
		fields.Store(key, s.found)
		return s.found, nil
	case s.similar != "":
		return nil, fmt.Errorf("there is no field %s: write %s, in these very letters", quoted(name), quoted([]byte(s.similar)))
	case w.message:
		return nil, nil
	case len(s.names) == 0:
		return nil, fmt.Errorf("there is no field %s, and no other one; leave it out", quoted(name))
	}
	return nil, fmt.Errorf("there is no field %s; there are %s", quoted(name), strings.Join(s.names, ", "))
}

// search looks for a field by its name in JSON.
type search struct {
	found   reflect.Type
	similar string // the name of a field that differs in case only
	names   []string
}

// in looks through a struct and those that it embeds, the outer one first, as encoding/json does.
func (s *search) in(t reflect.Type, name string) {
	var embedded []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		own, _, _ := strings.Cut(tag, ",")
		if f.Anonymous && own == "" {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				embedded = append(embedded, inner)
				continue
			}
		}
		if tag == "-" || !f.IsExported() {
			continue
		}
		if own == "" {
			own = f.Name
		}
		if own == name {
			s.found = f.Type
			return
		}
		if strings.EqualFold(own, name) {
			s.similar = own
		}
		s.names = append(s.names, own)
	}
	for _, inner := range embedded {
		if s.in(inner, name); s.found != nil {
			return
		}
	}
}

// text goes through a string, and reports whether it has escapes.
func (w *walker) text() (escaped bool, err error) {
	for w.at++; w.data[w.at] != '"'; w.at++ {
		if w.data[w.at] != '\\' {
			continue
		}
		escaped = true
		w.at++
		if w.data[w.at] == 'u' {
			if err := w.unit(); err != nil {
				return true, err
			}
		}
	}
	w.at++
	return escaped, nil
}

// name goes through a string and gives what it says.
func (w *walker) name() ([]byte, error) {
	begin := w.at
	escaped, err := w.text()
	if err != nil {
		return nil, err
	}
	raw := w.data[begin:w.at]
	if !escaped {
		return raw[1 : len(raw)-1], nil
	}
	var said string
	if err := json.Unmarshal(raw, &said); err != nil {
		return nil, err // never: it is JSON
	}
	return []byte(said), nil
}

// unit goes through \uXXXX, and through its other half if it is one of two. It ends at the last digit.
func (w *walker) unit() error {
	first := w.hex()
	if !utf16.IsSurrogate(first) {
		return nil
	}
	begin := w.at - 5
	if w.data[w.at+1] == '\\' && w.data[w.at+2] == 'u' {
		w.at += 2
		if utf16.DecodeRune(first, w.hex()) != '\uFFFD' {
			return nil
		}
	}
	return fmt.Errorf(`%s at byte %d is half of a character (a lone surrogate); write both halves, or the character itself in UTF-8`, w.data[begin:begin+6], begin+1)
}

// hex reads the four digits after the u where the walker stands, and ends at the last one.
func (w *walker) hex() rune {
	n, _ := strconv.ParseUint(string(w.data[w.at+1:w.at+5]), 16, 32) // four digits, as json.Valid has seen
	w.at += 4
	return rune(n)
}

func (w *walker) space() {
	for w.at < len(w.data) {
		switch w.data[w.at] {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return
		}
	}
}

func (w *walker) comma() {
	if w.space(); w.data[w.at] == ',' {
		w.at++
	}
}

// word goes through a number, true, false or null.
func (w *walker) word() {
	for w.at < len(w.data) {
		switch w.data[w.at] {
		case ' ', '\t', '\r', '\n', ',', ']', '}':
			return
		}
		w.at++
	}
}

// quoted repeats a name in a sentence, cut.
func quoted(name []byte) string {
	if runes := []rune(string(name)); len(runes) > shown {
		return strconv.Quote(string(runes[:shown])) + "…"
	}
	return strconv.Quote(string(name))
}
