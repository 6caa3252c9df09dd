package config

import (
	"encoding"
	"reflect"
	"regexp"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

var (
	wordsOf   = regexp.MustCompile(`[^A-Z]+|[A-Z]+[^A-Z]+|[A-Z]+`)
	acronymOf = regexp.MustCompile(`^([A-Z]+)([A-Z][^A-Z]+)`)
)

// field is one variable of a struct as envconfig sees it.
type field struct {
	name  string // with prefix
	value reflect.Value
	tags  reflect.StructTag
}

func (f field) secret() bool {
	return f.tags.Get("secret") == "true" || f.value.Type() == reflect.TypeFor[Secret]()
}
func (f field) needed() bool    { return f.tags.Get("needed") == "true" }
func (f field) initial() string { return f.tags.Get("default") }
func (f field) alike() bool     { return f.tags.Get("of") != ofHost }

// fields lists the variables of a struct in the order of their declaration, each under the name that envconfig gives
// it. envconfig itself shows them only to a template, and a program with text/template keeps every method of every
// type: half as many bytes again.
func fields(spec any) []field { return fieldsIn(Prefix, reflect.ValueOf(spec).Elem()) }

func fieldsIn(prefix string, spec reflect.Value) (found []field) {
	for i := range spec.NumField() {
		f, declared := spec.Field(i), spec.Type().Field(i)
		if !f.CanSet() {
			continue
		}
		key := declared.Name
		if declared.Tag.Get("split_words") == "true" {
			key = split(key)
		}
		key = strings.ToUpper(prefix + "_" + key)
		switch {
		case f.Kind() != reflect.Struct || reads(f):
			found = append(found, field{name: key, value: f, tags: declared.Tag})
		case declared.Anonymous:
			found = append(found, fieldsIn(prefix, f)...)
		default:
			found = append(found, fieldsIn(key, f)...)
		}
	}
	return found
}

// split puts underscores between the words of a name.
func split(name string) string {
	var words []string
	for _, word := range wordsOf.FindAllString(name, -1) {
		if m := acronymOf.FindStringSubmatch(word); m != nil {
			words = append(words, m[1:]...)
		} else {
			words = append(words, word)
		}
	}
	return strings.Join(words, "_")
}

// reads reports whether a value parses its own text, so that it is one variable and not several.
func reads(f reflect.Value) bool {
	switch f.Addr().Interface().(type) {
	case envconfig.Decoder, envconfig.Setter, encoding.TextUnmarshaler, encoding.BinaryUnmarshaler:
		return true
	}
	return false
}
