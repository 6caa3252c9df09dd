package business_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
)

// asService makes the test binary a program that is a service.
const asService = "TEST_AS_SERVICE"

func TestMain(m *testing.M) {
	switch os.Getenv(asService) {
	case "one":
		business.Main(shop())
	case "two":
		business.Main(shop(), kv.Service())
	case "none":
		business.Main()
	case "bad":
		business.Main(business.Service{Name: "a.b"})
	}
	os.Exit(m.Run())
}

// TestMain_ByHand: whoever starts a service as any program learns what it is and what to do.
func TestMain_ByHand(t *testing.T) {
	const nowhere = "nats://127.0.0.1:1"
	copied := config.Business{
		Bus:    config.Bus{BusURL: nowhere, BusUser: "business.shop", BusPassword: "x", BusInbox: "x"},
		Routes: config.Routes{RequestsURL: nowhere, DatabaseURL: nowhere}, Name: config.Name{Host: "a"}, Pace: config.Pace{Lease: time.Second},
	}
	for _, c := range []struct {
		as      string
		args    []string
		environ []string
		code    int
		says    []string
	}{
		{as: "one", code: 2, says: []string{"shop: a service must be started by a host", "HOTPAIR_BUSINESS=shop=/", "hotpair cluster"}},
		{as: "two", code: 2, says: []string{"shop or kv: ", "HOTPAIR_BUSINESS=shop=/", ",kv=/"}},
		{as: "one", args: []string{"--help"}, says: []string{"shop 1.0.0: a service of hotpair\n", "shop.take\n", "hotpair cluster"}},
		{as: "two", args: []string{"help"}, says: []string{"kv 1.0.0: a service of hotpair, which keeps JSON values", "kv.get  (reads only)"}},
		{as: "two", args: []string{"--version"}, says: []string{"shop 1.0.0, go1", "kv 1.0.0, go1"}},
		{as: "one", args: []string{"--port=1"}, code: 2, says: []string{`unknown argument "--port=1"`}},
		{as: "none", code: 1, says: []string{"needs at least one service"}},
		{as: "bad", args: []string{"--help"}, code: 1, says: []string{`invalid name "a.b"`}},
		{as: "one", environ: []string{"HOTPAIR_BUS_URL=" + nowhere}, code: 2, says: []string{"HOTPAIR_BUS_USER"}}, // in part
		{as: "one", environ: append(config.Environ(&copied), "HOTPAIR_PARENT_PID=1"), code: 1, says: []string{"the parent process is gone"}},
	} {
		cmd := exec.Command(os.Args[0], c.args...)
		cmd.Env = append(c.environ, asService+"="+c.as)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if cmd.ProcessState.ExitCode() != c.code {
			t.Errorf("%v: exit code %d, want %d: %s", c, cmd.ProcessState.ExitCode(), c.code, out)
		}
		for _, want := range c.says {
			if !bytes.Contains(out, []byte(want)) {
				t.Errorf("%v: want %q in\n%s", c, want, out)
			}
		}
	}
}

// startProgram starts this test binary as a service, as main starts one.
func startProgram(t *testing.T, host *businesstest.Host, as, service string, more ...string) *process.Child {
	t.Helper()
	settings := host.Environment(service)
	settings.Host = "a"
	child, err := process.Start(process.Spec{
		Name: service, Path: os.Args[0], Environ: append(append(config.Environ(&settings), asService+"="+as), more...), Output: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Kill(); child.Wait(); child.Close() })
	return child
}

// TestMain_ServesWhichIsWanted: a host tells the program which of its services it is; and one of a later version sets what this program
// knows nothing of.
func TestMain_ServesWhichIsWanted(t *testing.T) {
	host := businesstest.NewHost(t)
	child := startProgram(t, host, "two", "kv", "HOTPAIR_OF_A_LATER_VERSION=1")
	businesstest.Await(t, "its answer to a ping", func() bool {
		_, err := host.Asker.Request(t.Context(), "$SRV.PING.kv", nil)
		return err == nil
	})
	if reply := host.Call(businesstest.Numbered(1, "kv", "put", `{"key":"a","value":1}`)); reply.Code != bus.CodeOK {
		t.Errorf("%+v", reply)
	}
	if exit, err := child.Stop(10 * time.Second); err != nil || !exit.Clean() {
		t.Errorf("told to end: %v, %v", exit, err)
	}
}

// TestMain_LastWords: why a service ends stands where operators look.
func TestMain_LastWords(t *testing.T) {
	host := businesstest.NewHost(t)
	for as, want := range map[string]string{
		"one": `the host started this program as "tickets", but it is shop: use that name in HOTPAIR_BUSINESS`,
		"bad": `invalid name "a.b"`,
	} {
		exit := startProgram(t, host, as, "tickets").Wait()
		if exit.Code != 1 || !strings.Contains(exit.Words, want) {
			t.Errorf("%s: %v, want %q", as, exit, want)
		}
	}
}
