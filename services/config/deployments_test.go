package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// variables reads an environment file, with its commented-out variables or without.
func variables(t *testing.T, file string, commented bool) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deployments/systemd", file))
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if commented {
			line = strings.TrimPrefix(line, "#")
		}
		if strings.HasPrefix(line, Prefix+"_") {
			environ = append(environ, line)
		}
	}
	if len(environ) == 0 {
		t.Fatalf("%s holds no variables", file)
	}
	return environ
}

// optional drops alternatives that can't stand beside what an example sets already.
func optional(environ []string) []string {
	return slices.DeleteFunc(environ, func(e string) bool {
		return strings.HasPrefix(e, "HOTPAIR_PAIR_SECRET_FILE=") || strings.HasPrefix(e, "HOTPAIR_TERMINALS_FILE=") || strings.HasPrefix(e, "HOTPAIR_HTTP_TOKEN") || strings.HasPrefix(e, "HOTPAIR_BUSINESS=") || strings.HasPrefix(e, "HOTPAIR_LINK=") || strings.HasPrefix(e, "HOTPAIR_REPLICATION=")
	})
}

// example checks that an example file is accepted as it stands and with all that is commented out in it, that what is
// commented out is the default, and that it names every variable of its process.
func example[T any, P Spec[T]](t *testing.T, file string, unit ...string) {
	t.Helper()
	// Nobody serves with the secret of an example.
	if _, err := Load[T, P](append(variables(t, file, false), unit...)); err == nil || !strings.Contains(err.Error(), "which everybody knows") {
		t.Errorf("%s as it stands: %v", file, err)
	}
	variables := func(t *testing.T, file string, comments bool) []string {
		list := variables(t, file, comments)
		for i, e := range list {
			if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(value, "replace-this") {
				list[i] = name + "=" + testSecret
			}
		}
		return list
	}
	plain, err := Load[T, P](append(variables(t, file, false), unit...))
	if err != nil {
		t.Errorf("%s: %v", file, err)
	}
	full, err := Load[T, P](append(slices.Concat(variables(t, file, false), optional(variables(t, file, true))), unit...))
	if err != nil {
		t.Errorf("%s with all of it: %v", file, err)
	}
	if diff := cmp.Diff(plain, full); diff != "" {
		t.Errorf("%s: what is commented out is not the default:\n%s", file, diff)
	}
	named := append(variables(t, file, true), unit...)
	for _, f := range fields(P(new(T))) {
		if !slices.ContainsFunc(named, func(e string) bool { return strings.HasPrefix(e, f.name+"=") }) {
			t.Errorf("%s does not mention %s", file, f.name)
		}
	}
}

func TestDeployments_ExamplesAreAccepted(t *testing.T) {
	example[Host](t, "host.env.example")
	example[Witness](t, "witness.env.example")
	// What the unit sets itself.
	example[Terminal](t, "terminal.env.example", "HOTPAIR_TERMINAL_ID=till-1", "HOTPAIR_DATA=/var/lib/hotpair-terminal/till-1")
}

func TestDeployments_UnitsFitTheExamples(t *testing.T) {
	for unit, wants := range map[string][]string{
		"hotpair.service":           {"ExecStart=/usr/local/bin/hotpair supervisor\n", "KillMode=mixed\n", "Restart=always\n", "EnvironmentFile=-/etc/hotpair/joined/host.env\nEnvironmentFile=-/etc/hotpair/host.env\n", "StateDirectory=hotpair hotpair-identity\n"},
		"hotpair-witness.service":   {"ExecStart=/usr/local/bin/hotpair witness\n", "Restart=always\n", "EnvironmentFile=-/etc/hotpair/joined/witness.env\nEnvironmentFile=-/etc/hotpair/witness.env\n", "StateDirectory=hotpair-witness hotpair-witness-identity\n"},
		"hotpair-terminal@.service": {"ExecStart=/usr/local/bin/hotpair terminal\n", "Restart=always\n", "Environment=HOTPAIR_TERMINAL_ID=%i\n", "Environment=HOTPAIR_DATA=/var/lib/hotpair-terminal/%i\n", "EnvironmentFile=-/var/lib/hotpair-terminal/%i/enrolled.env\nEnvironmentFile=-/etc/hotpair/terminal-%i.env\n", "StateDirectory=hotpair-terminal/%i\n"},
	} {
		text, err := os.ReadFile(filepath.Join("../../deployments/systemd", unit))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %q", unit, want)
			}
		}
	}
	for file, directory := range map[string]string{"host.env.example": "/var/lib/hotpair", "witness.env.example": "/var/lib/hotpair-witness"} {
		if !slices.Contains(variables(t, file, false), "HOTPAIR_DATA="+directory) {
			t.Errorf("%s: the unit's state directory is %s", file, directory)
		}
	}
}
