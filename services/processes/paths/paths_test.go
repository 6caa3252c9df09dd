package paths

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// What was put in the place of a program is known to the next main, until the settings name another program.
func TestNote_HoldsUntilTheSettingsNameAnotherProgram(t *testing.T) {
	data := t.TempDir()
	if list, err := Read(data); err != nil || len(list) != 0 {
		t.Fatalf("nothing was noted: %v, %v", list, err)
	}
	for _, r := range []Replaced{{"tickets", "/opt/tickets-1.5", "/opt/tickets-1.4"}, {"lights", "/opt/lights-2", "/opt/lights-1"}, {"tickets", "/opt/tickets-1.6", "/opt/tickets-1.4"}} {
		if err := Note(data, r); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Read(data)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, c := range []struct{ service, set, runs string }{
		{"tickets", "/opt/tickets-1.4", "/opt/tickets-1.6"},
		{"tickets", "/opt/tickets-1.7", "/opt/tickets-1.7"}, // the settings have changed since
		{"lights", "/opt/lights-1", "/opt/lights-2"},
		{"kv", "", ""},
	} {
		if runs := Of(list, c.service, c.set); runs != c.runs {
			t.Errorf("%s, set to %q: %q runs", c.service, c.set, runs)
		}
	}
	if err := Note(data, Replaced{"tickets", "/opt/tickets-1.4", "/opt/tickets-1.4"}); err != nil {
		t.Fatal(err)
	}
	if list, err := Read(data); err != nil || !reflect.DeepEqual(list, []Replaced{{"lights", "/opt/lights-2", "/opt/lights-1"}}) {
		t.Errorf("back at the settings' own: %v, %v", list, err)
	}
}

// A file that nobody wrote here holds nothing, and says what is wrong with it; the next replacement makes a whole one of it.
func TestRead_RefusesWhatWasNotWrittenHere(t *testing.T) {
	for name, text := range map[string]string{
		"cut":       `{"services":[{"service":"tickets","pa`,
		"more":      `{"services":[]} {}`,
		"unknown":   `{"services":[],"other":1}`,
		"relative":  `{"services":[{"service":"tickets","path":"tickets","in_place":"/opt/tickets"}]}`,
		"no name":   `{"services":[{"service":"Tickets!","path":"/a","in_place":"/b"}]}`,
		"twice":     `{"services":[{"service":"t","path":"/a","in_place":"/b"},{"service":"t","path":"/c","in_place":"/b"}]}`,
		"zero byte": `{"services":[{"service":"t","path":"/a\u0000","in_place":"/b"}]}`,
	} {
		data := t.TempDir()
		if err := os.WriteFile(filepath.Join(data, File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := Read(data); !errors.Is(err, ErrDamaged) || list != nil {
			t.Errorf("%s: %v, %v", name, list, err)
		}
		if err := Note(data, Replaced{"tickets", "/new", "/old"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if list, err := Read(data); err != nil || len(list) != 1 {
			t.Errorf("%s, written over: %v, %v", name, list, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"services":[{"service":"tickets","path":"/opt/b","in_place":"/opt/a"}]}`))
	f.Add([]byte(`{"services":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := Decode(raw)
		if err != nil && (!errors.Is(err, ErrDamaged) || list != nil) {
			t.Errorf("%v, %v", list, err)
		}
		for _, r := range list {
			if err == nil && (r.Path == "" || Of(list, r.Service, r.InPlace) != r.Path) {
				t.Errorf("%+v is read, and does not hold", r)
			}
		}
	})
}
