package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/business/languagetest"
	"github.com/hotpair/hotpair/services/business/ledger"
	"github.com/hotpair/hotpair/services/business/sequence"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/scaffold/folder"
)

// everything has each broken program tried by all rules, which takes minutes.
var everything = flag.Bool("everything", false, "try all rules at each broken program")

// serve as the argument has this program be the business process of a service that is built in.
const serve = "serve-as-a-business-process"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serve {
		os.Args = os.Args[:1] // which takes none
		business.Main(kv.Service(), ledger.Service(), sequence.Service(), tickets.Service())
	}
	if err := flag.Set("test.parallel", "8"); err != nil { // they wait for most of the time
		panic(err)
	}
	os.Exit(m.Run())
}

func python(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIPPED: there is no python3 here, so programs in Python were not tried")
	}
	return path
}

func cases(t testing.TB, name string) []Case {
	t.Helper()
	list, err := ReadCases(name)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// queries says which operations only read.
func queries(list []Case, names ...string) []Case {
	for i, c := range list {
		list[i].Query = c.Code == 0 && slices.Contains(names, c.Operation)
	}
	return list
}

// check runs the rules and gives what came of those that did not pass.
func check(t testing.TB, o Options) (report *Report, rest map[string]Result) {
	t.Helper()
	o.Environ = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "TMPDIR="+t.TempDir())
	if o.Terminals == nil {
		o.Terminals = []string{"t1", "t2"}
	}
	if o.Within == 0 {
		o.Within = 20 * time.Second
	}
	if o.Start == 0 {
		o.Start = time.Minute
	}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	rest = map[string]Result{}
	for _, r := range report.Rules {
		if r.Outcome != Passed {
			rest[r.Rule] = r
		}
	}
	if report.Passed+report.Failed+report.NotTried != len(report.Rules) {
		t.Errorf("%d, %d and %d are not %d rules", report.Passed, report.Failed, report.NotTried, len(report.Rules))
	}
	return report, rest
}

// passes wants all rules to pass but those that can't be tried.
func passes(t *testing.T, o Options, cantBeTried ...string) {
	t.Helper()
	report, rest := check(t, o)
	for name, r := range rest {
		if r.Outcome != NotTried || !slices.Contains(cantBeTried, name) {
			t.Errorf("%s %s: %s", r.Outcome, name, r.Saw)
		}
	}
	if len(report.Rules) != len(rules) {
		t.Errorf("%d of %d rules were tried", len(report.Rules), len(rules))
	}
}

const ticketsCases = "../business/tickets/ticketstest/cases.json"

// self is the services in Go as a program.
func self(t testing.TB) []string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{path, serve}
}

func TestGo_KeepsTheRules(t *testing.T) {
	t.Parallel()
	passes(t, Options{Command: self(t), Name: tickets.Name, Cases: queries(cases(t, ticketsCases), "look", "find"), Targets: []string{"accounting"}}, "one-position")
}

func TestGo_KVKeepsTheRules(t *testing.T) {
	t.Parallel()
	passes(t, Options{Command: self(t), Name: kv.Name, Cases: cases(t, "testdata/kv.json")}, "one-position", "timer", "conditions")
}

func TestLanguages_KeepTheRules(t *testing.T) {
	for _, l := range languagetest.All() {
		t.Run(l.Name, func(t *testing.T) {
			t.Parallel()
			passes(t, Options{Command: []string{l.Tickets(t)}, Cases: queries(cases(t, ticketsCases), "look", "find"), Targets: []string{"accounting"}},
				"one-position", "unknown-operation", "crashes")
		})
	}
}

// TestProtocol_ItsExampleKeepsTheRules: what the protocol shows as a complete service is one.
func TestProtocol_ItsExampleKeepsTheRules(t *testing.T) {
	t.Parallel()
	passes(t, Options{Command: []string{python(t), "../business/testdata/votes.py"}, Cases: cases(t, "testdata/votes.json")},
		"one-position", "unknown-operation", "crashes", "timer", "reads-unrecorded")
}

// TestBroken_FailsTheRuleThatItBreaks: each rule is broken by a program, and that program is told so.
func TestBroken_FailsTheRuleThatItBreaks(t *testing.T) {
	interpreter := python(t)
	text, err := os.ReadFile("testdata/broken.py")
	if err != nil {
		t.Fatal(err)
	}
	count := cases(t, "testdata/count.json")
	batches := []string{"starts", "unknown-operation", "crashes"} // which Python can't break: the first has its own test, the others are of batches
	for _, r := range rules {
		name := r.name
		if slices.Contains(batches, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !bytes.Contains(text, []byte("\ndef "+strings.ReplaceAll(name, "-", "_")+"(")) {
				t.Fatal("nothing breaks it")
			}
			o := Options{Command: []string{interpreter, "testdata/broken.py", name}, Name: "count", Cases: count, Within: 4 * time.Second, Only: []string{name}}
			if name == "answers-once" {
				o.Only = append(o.Only, "at-once")
			}
			if *everything {
				o.Only = nil
			}
			_, rest := check(t, o)
			if rest[name].Outcome != Failed {
				t.Fatalf("it was not noticed: %+v", rest[name])
			}
			t.Logf("%s: %s", name, rest[name].Saw)
			for other, r := range rest {
				if r.Outcome == Failed && other != name {
					t.Errorf("it breaks %s too: %s", other, r.Saw)
				}
			}
		})
	}
}

func TestBroken_WithoutABreakKeepsTheRules(t *testing.T) {
	t.Parallel()
	passes(t, Options{Command: []string{python(t), "testdata/broken.py"}, Cases: cases(t, "testdata/count.json")}, "unknown-operation", "crashes")
}

// TestStart_SaysWhyItDoesNotStart: each program that does not come to serve is told its true reason.
func TestStart_SaysWhyItDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		service    string
		want       []string
	}{
		{"absent", "", 0, "count", []string{"can't be started", "no such file"}},
		{"unexecutable", "#!/bin/sh\n", 0o600, "count", []string{"can't be started", "chmod +x"}},
		{"uninterpreted", "#!/no/such/interpreter\n", 0o700, "count", []string{"can't be started", "the interpreter /no/such/interpreter"}},
		{"ends", "#!/bin/sh\nexit 3\n", 0o700, "count", []string{"ended before it answered a ping", "exited with code 3"}},
		{"ends-unnamed", "#!/bin/sh\nexit 3\n", 0o700, "", []string{"ended before it answered a ping", "exited with code 3"}},
		{"complains", "#!/bin/sh\necho first >&2\necho 'no such table' >&2\nexit 1\n", 0o700, "count", []string{"code 1", "no such table"}},
		{"killed", "#!/bin/sh\nkill -9 $$\n", 0o700, "count", []string{"ended by signal: killed"}},
		{"silent", "#!/bin/sh\necho 'I am here' >&2\nexec sleep 60\n", 0o700, "count", []string{"did not answer a ping on $SRV.PING.count within", "I am here"}},
		{"silent-unnamed", "#!/bin/sh\necho 'I am here' >&2\nexec sleep 60\n", 0o700, "", []string{"announces no service", "I am here"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, c.name)
			if c.mode != 0 {
				write(c.name, c.text, c.mode)
			}
			report, rest := check(t, Options{Command: []string{path}, Name: c.service, Start: time.Second})
			if report.Failed != 1 || report.NotTried != len(rules)-1 {
				t.Errorf("%d failed, %d not tried", report.Failed, report.NotTried)
			}
			for _, want := range c.want {
				if !strings.Contains(rest["starts"].Saw, want) {
					t.Errorf("it says %q, want %q", rest["starts"].Saw, want)
				}
			}
		})
	}
	t.Run("another name", func(t *testing.T) {
		_, rest := check(t, Options{Command: []string{python(t), "testdata/broken.py"}, Name: "other"})
		if saw := rest["starts"].Saw; !strings.Contains(saw, `it announces another name, "count"`) {
			t.Errorf("it says %q", saw)
		}
	})
}

// TestRun_EndsWithItsContext: what was started ends with Ctrl-C, and what was tried before is reported.
func TestRun_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	report, err := Run(ctx, Options{
		Command: self(t), Name: kv.Name, Environ: os.Environ(), Terminals: []string{"t1"}, Cases: cases(t, "testdata/kv.json"), Start: time.Minute, Within: 20 * time.Second,
		Told: func(r Result) {
			if r.Rule == "ready" {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) || report.Passed == 0 || len(report.Rules) > 5 {
		t.Errorf("%v, %+v", err, report)
	}
	if len(children(t)) > 0 {
		t.Errorf("children are left: %v", children(t))
	}
}

// children are processes that this one has started and that have not ended.
func children(t *testing.T) (list []string) {
	t.Helper()
	threads, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(threads) == 0 {
		t.Skip("SKIPPED: this kernel does not list children")
	}
	for _, thread := range threads {
		text, _ := os.ReadFile(thread) // a thread may have ended
		list = append(list, strings.Fields(string(text))...)
	}
	return list
}

func TestCases_SayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		``:                               "want a list",
		`[]`:                             "has 0 cases",
		`{}`:                             "a list of",
		`[{}]`:                           `number 1: want either an "operation"`,
		`[{"operation":"a","fire":"b"}]`: "either",
		`[{"operation":"a b"}]`:          "can't be the name",
		`[{"operation":"a","code":1}]`:   "400 to 599",
		`[{"operation":"a","code":400,"answer":{}}]`: `can't have an "answer"`,
		`[{"operation":"a","colour":1}]`:             "colour",
		`[{"fire":"a","body":{}}]`:                   "the body is the timer's",
		`[{"fire":"a","query":true}]`:                "can't be a query",
		`[{"operation":"a","as":"x","query":true}]`:  "a case that writes",
		`[{"operation":"a","as":"x","code":409}]`:    "a case that writes",
		`[{"operation":"a","as":"x.y"}]`:             "letters",
	} {
		if _, err := ParseCases([]byte(text)); !errors.Is(err, ErrCases) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := ReadCases("testdata/none.json"); !errors.Is(err, ErrCases) {
		t.Error(err)
	}
}

func FuzzParseCases(f *testing.F) {
	for _, name := range []string{ticketsCases, "testdata/kv.json", "testdata/count.json", "testdata/hooks.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ParseCases(data)
		if err != nil {
			return
		}
		for _, c := range list {
			if (c.Operation == "") == (c.Fire == "") || c.String() == "" {
				t.Errorf("taken: %+v", c)
			}
		}
	})
}

// TestCase_NoticesAreForWhomTheyAreFor: one to the desk alone is neither one to all nor none.
func TestCase_NoticesAreForWhomTheyAreFor(t *testing.T) {
	cases, err := ParseCases([]byte(`[{"operation": "forget", "notices": [{"topic": "a", "body": {"n": "*"}}, {"to": ["t2"], "topic": "a", "body": {}}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	all, desk := cases[0].Notices[0], cases[0].Notices[1]
	one := map[string]any{"n": json.Number("1")}
	for _, c := range []struct {
		wants, told Notice
		fits        bool
	}{
		{all, Notice{Topic: "a", Body: one}, true},
		{all, Notice{Topic: "b", Body: one}, false},
		{all, Notice{To: []string{"t2"}, Topic: "a", Body: one}, false},
		{desk, Notice{To: []string{"t2"}, Topic: "a", Body: map[string]any{}}, true},
		{desk, Notice{To: []string{"t1"}, Topic: "a", Body: map[string]any{}}, false},
		{desk, Notice{Topic: "a", Body: map[string]any{}}, false},
		{desk, Notice{To: []string{"t2"}, Topic: "a", Body: map[string]any{}, Fenced: true, WithinMS: 1000}, false},
	} {
		if fits := c.wants.awaits(c.told); fits != c.fits {
			t.Errorf("%v for %v: %t", c.told, c.wants, fits)
		}
	}
}

func TestCommand_IsUsedRightly(t *testing.T) {
	run := func(args ...string) (stdout, stderr string, err error) {
		var out, complaints bytes.Buffer
		c := Command()
		c.SetOut(&out)
		c.SetErr(&complaints)
		c.SetArgs(args)
		err = c.ExecuteContext(t.Context())
		return out.String(), complaints.String(), err
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"requires at least 1 arg", nil},
		{"no such file", []string{"--", "/no/such/program"}},
		{"--within", []string{"--within", "1ns", "--", "true"}},
		{"--start", []string{"--start", "1h", "--", "true"}},
		{"--timeout", []string{"--timeout", "-1s", "--", "true"}},
		{"--name", []string{"--name", "a.b", "--", "true"}},
		{"unknown rule", []string{"--only", "none", "--", "true"}},
		{"--terminals", []string{"--terminals", "a,a", "--", "true"}},
		{"cases can't be used", []string{"--cases", "/no/such/file", "--", "true"}},
	} {
		if _, _, err := run(c.args...); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--help") {
			t.Errorf("%q: %v, want %q", c.args, err, c.want)
		}
	}
	listed, _, err := run("--list")
	if err != nil || strings.Count(listed, "\n") != len(rules) {
		t.Errorf("%v: %s", err, listed)
	}
	out, told, err := run("--json", "--name", "count", "--start", "1s", "--", "false")
	var report Report
	if !errors.Is(err, ErrBroken) || json.Unmarshal([]byte(out), &report) != nil || report.Failed != 1 || report.Service != "count" {
		t.Errorf("%v: %s", err, out)
	}
	if !strings.HasPrefix(told, "failed") {
		t.Errorf("it tells %q", told)
	}
}

// TestCommand_TakesTheNameOfTheFolder: a name that was given counts, then that of hotpair.json; one that can't be read is not passed over.
func TestCommand_TakesTheNameOfTheFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct{ file, given, want, says string }{
		{want: ""},
		{given: "seats", want: "seats"},
		{file: `{"service": "tickets", "run": "bin/tickets"}`, want: "tickets"},
		{file: `{"service": "tickets", "run": "bin/tickets"}`, given: "seats", want: "seats"},
		{file: `{"service": "Tickets!", "run": "bin/tickets"}`, says: "or give --name"},
		{file: `{"service": "Tickets!", "run": "bin/tickets"}`, given: "seats", want: "seats"},
	} {
		if c.file != "" {
			if err := os.WriteFile(folder.File, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o, err := (&flags{name: c.given, terminals: []string{"t1"}, start: time.Second, within: time.Second, timeout: time.Second}).options([]string{"true"})
		if o.Name != c.want || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %q, %v", c, o.Name, err)
		}
	}
}
