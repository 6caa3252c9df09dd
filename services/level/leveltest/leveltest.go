// Package leveltest keeps what a level looks like: for each form of a message, an update or a file one golden file, which says what
// programs of that level write and must be able to read.
//
// Until its release the files of a level may be written again (go test -rewrite). From then on they never change: a form that
// differs is one of a new level, with a file under another name, and the program reads both.
package leveltest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
)

// Rewrite is the flag of a test binary that writes golden files.
func Rewrite() *bool { return flag.Bool("rewrite", false, "write golden files anew") }

// Form is one form of something that leaves the program or stays on its disk.
type Form[T any] struct {
	// Name is that of the golden file.
	Name   string
	Encode func(T) ([]byte, error)
	Decode func([]byte) (T, error)
	// Skips says that fields which only a later program knows are skipped.
	Skips bool
}

// JSON is the form of a message that people read when they look for a fault.
func JSON[T any](name string) Form[T] {
	return Form[T]{
		Name: name + ".json", Skips: true,
		Encode: func(v T) ([]byte, error) { return json.Marshal(v) },
		Decode: func(raw []byte) (v T, err error) { return v, json.Unmarshal(raw, &v) },
	}
}

// Encoded is the form of a message between hosts or a host's own processes: a byte for the form, then CBOR.
func Encoded[T any](name string) Form[T] {
	return Form[T]{
		Name:   name + ".cbor",
		Encode: func(v T) ([]byte, error) { return bus.Encode(v) },
		Decode: func(raw []byte) (v T, err error) { return v, bus.Decode(raw, &v) },
	}
}

// Check holds a form against its golden file: the sample is written as the file is, the file is read as the sample is, and what a
// later program adds is skipped where the form says so.
func Check[T any](t *testing.T, rewrite bool, f Form[T], sample T) {
	t.Helper()
	path := pathOf(f.Name)
	raw, err := f.Encode(sample)
	if err != nil {
		t.Errorf("%s: %v", f.Name, err)
		return
	}
	if rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%v: each form has a golden file (go test -rewrite)", err)
		return
	}
	if !bytes.Equal(raw, kept) {
		t.Errorf("%s: this program writes another form than its level:\n%q\nnot\n%q", f.Name, raw, kept)
	}
	read(t, f, kept, sample)
	if f.Skips {
		read(t, f, bytes.Replace(kept, []byte("{"), []byte(`{"of_a_later_level":{"list":[1,"two",null]},`), 1), sample)
	}
}

// pathOf is where the golden file of a form is: with the newest level that has one, for a form that a level leaves as it was keeps
// the file that it has.
func pathOf(name string) string {
	path := func(l level.Level) string { return filepath.Join("testdata", fmt.Sprintf("level%d", l), name) }
	own := level.Own()
	for l := own.Newest; l >= own.Oldest; l-- {
		if _, err := os.Stat(path(l)); err == nil {
			return path(l)
		}
	}
	return path(own.Newest)
}

func read[T any](t *testing.T, f Form[T], raw []byte, sample T) {
	t.Helper()
	got, err := f.Decode(raw)
	if err != nil {
		t.Errorf("%s: %v: %q", f.Name, err, raw)
		return
	}
	if d := cmp.Diff(sample, got, cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
		t.Errorf("%s is read otherwise than it was written (-sample +read):\n%s", f.Name, d)
	}
}

// Filled gives a value in which every exported field is set, each to something else as far as its type allows: a field that is
// added shows in the golden file.
func Filled[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1_700_000_000+int64(*n), 0).UTC()))
		return
	case json.RawMessage:
		v.SetBytes(fmt.Appendf(nil, `{"raw":%d}`, *n))
		return
	}
	named := v.Type().PkgPath() != "" && v.Type() != reflect.TypeFor[time.Duration]()
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(number(named, *n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(number(named, *n)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("cbor") != "-" { // what never leaves its process has no form
				fill(v.Field(i), n)
			}
		}
	}
}

// number is small for named types, which may be enumerations.
func number(named bool, n int) int64 {
	if named {
		return 1
	}
	return int64(n % 120)
}
