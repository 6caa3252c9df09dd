package config

import (
	"io"
	"reflect"
	"slices"
	"testing"
	"text/template"

	"github.com/kelseyhightower/envconfig"
)

// TestFields_AreThoseOfEnvconfig: every variable is known by the name under which envconfig reads it, and no other is.
func TestFields_AreThoseOfEnvconfig(t *testing.T) {
	for _, s := range sections {
		var theirs, ours []string
		usage := template.Must(template.New("fields").Funcs(template.FuncMap{"gather": func(name string, value reflect.Value) string {
			theirs = append(theirs, name+" "+value.Type().String())
			return ""
		}}).Parse(`{{range .}}{{gather .Key .Field}}{{end}}`))
		spec := s.spec()
		if err := envconfig.Usaget(Prefix, spec, io.Discard, usage); err != nil {
			t.Fatal(err)
		}
		for _, f := range fields(spec) {
			ours = append(ours, f.name+" "+f.value.Type().String())
		}
		if !slices.Equal(ours, theirs) || len(ours) == 0 {
			t.Errorf("%T:\n%q\n%q", spec, ours, theirs)
		}
	}
}
