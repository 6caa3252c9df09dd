package config

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestHelp_Golden(t *testing.T) {
	const golden = "testdata/help.txt"
	var out bytes.Buffer
	if err := Help(&out); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("run go test ./services/config -update and read what changed:\n%s", diff)
	}
	for i, line := range strings.Split(out.String(), "\n") {
		if len(line) > helpWidth && len(strings.Fields(line)) > 1 {
			t.Errorf("line %d is longer than %d: %s", i+1, helpWidth, line)
		}
	}
	for _, name := range names() {
		if !strings.Contains(out.String(), "  "+name+"  (") {
			t.Errorf("%s is missing", name)
		}
	}
}
