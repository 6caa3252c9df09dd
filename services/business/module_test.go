package business_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// carried are the modules of others that a service in Go carries: the NATS client with what that needs, the CBOR library with what that
// needs, what reads the environment and the keys of backups in it, and what the toolchain's own people add to the standard library.
var carried = []string{
	"github.com/fxamacker/cbor/v2", "github.com/x448/float16",
	"github.com/nats-io/nats.go", "github.com/nats-io/nkeys", "github.com/nats-io/nuid", "github.com/klauspost/compress",
	"github.com/kelseyhightower/envconfig", "filippo.io/age", "filippo.io/hpke",
	"golang.org/x/crypto", "golang.org/x/sync", "golang.org/x/sys",
}

// mostCarried bounds the program below, in bytes. It was 30.7 MB when a service carried the server of its bus.
const mostCarried = 15 << 20

// theirs is a service of somebody else's, and its test.
var theirs = map[string]string{
	"main.go": `package main

import (
	"context"
	"strconv"

	"github.com/hotpair/hotpair/services/business"
)

type add struct {
	Name string ` + "`json:\"name\"`" + `
}

type added struct {
	Count int ` + "`json:\"count\"`" + `
}

func counter() business.Service {
	return business.Service{Name: "counter", Version: "1.0.0", Operations: map[string]business.Operation{
		"add": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in add) (any, error) {
			item, err := tx.Get(in.Name)
			if err != nil {
				return nil, err
			}
			count, _ := strconv.Atoi(string(item.Value))
			tx.Put(in.Name, []byte(strconv.Itoa(count+1)))
			return added{count + 1}, nil
		})},
	}}
}

func main() { business.Main(counter()) }
`,
	"main_test.go": `package main

import (
	"testing"

	"github.com/hotpair/hotpair/services/business/businesstest"
)

func TestCounter(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(counter())
	for n, want := range []string{"{\"count\":1}", "{\"count\":2}"} {
		reply := host.Call(businesstest.Numbered(uint64(n+1), "counter", "add", "{\"name\":\"a\"}"))
		if string(reply.Body) != want {
			t.Errorf("%d %s, want %s", reply.Code, reply.Body, want)
		}
	}
}
`,
}

// TestModule_OfItsOwn: a service is built, and tested, in a module of its own, and carries no server, no database and no command line.
func TestModule_OfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range theirs {
		write(name, text)
	}
	write("go.mod", fmt.Sprintf("module example.com/counter\n\ngo 1.26\n\nrequire github.com/hotpair/hotpair v0.0.0\n\nreplace github.com/hotpair/hotpair => %s\n", root))
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write("go.sum", string(sums))
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off") // it may fetch the go.mod of modules that the project's own only mention
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("build", "-o", "counter", ".")
	if info, err := os.Stat(filepath.Join(folder, "counter")); err != nil || info.Size() > mostCarried {
		t.Errorf("a service is a program of %d bytes, at most %d: %v", info.Size(), mostCarried, err)
	} else {
		t.Logf("a service is a program of %.1f MB", float64(info.Size())/1e6)
	}
	for line := range strings.Lines(run("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")) {
		module := strings.TrimSpace(line)
		if module != "" && !strings.HasPrefix(module, "github.com/hotpair/") && module != "example.com/counter" && !slices.Contains(carried, module) {
			t.Errorf("a service carries %s", module)
		}
	}
	run("test", "./...")
}
