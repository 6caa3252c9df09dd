package program

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/terminal/winservice"
)

// run runs a line of one of the two programs.
func run(t *testing.T, c *cobra.Command, line, typed string) (said string, err error) {
	t.Helper()
	c.SilenceErrors, c.SilenceUsage = true, true
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetIn(strings.NewReader(typed))
	c.SetArgs(strings.Fields(line))
	err = c.ExecuteContext(t.Context())
	return strings.Join(strings.Fields(out.String()), " "), err
}

// TestEnrol_BadTokensAreExplained: nothing is listened on and nothing is written for what is no token.
func TestEnrol_BadTokensAreExplained(t *testing.T) {
	dir := t.TempDir()
	data, long := filepath.Join(dir, "data"), filepath.Join(dir, "long")
	if err := os.WriteFile(long, bytes.Repeat([]byte("x"), mostToken+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, says := range map[string]string{
		"enrol --data " + data:                           "give the token",
		"enrol till-7.shop --data " + data:               "copy the whole of it",
		"enrol a.b.c.d.e --data " + data:                 "a letter of it is wrong",
		"enrol x --token-file y --data " + data:          "give the token, or --token-file",
		"enrol --token-file /nowhere --data " + data:     "/nowhere",
		"enrol --token-file " + dir + " --data " + data:  "--token-file",
		"enrol --token-file " + long + " --data " + data: "more than 4096 bytes",
		"enrol --no-such-flag --data " + data:            "enrol --help",
		"readmit":                                        "needs --data",
	} {
		for _, p := range []Program{Within(), Alone()} {
			text, err := run(t, p.Command(), line, "")
			if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v\n%s", line, err, text)
			}
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a directory was made")
	}
	if _, err := run(t, Alone().Command(), "readmit --data "+dir, ""); err == nil || !strings.Contains(err.Error(), "has accepted no epoch") {
		t.Error(err)
	}
}

// What a service manager can't put into an environment stands in files: what is said closer counts.
func TestSettings_WhatIsSaidCloserCounts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("enrolled.env", "# a secret\nHOTPAIR_TERMINAL_ID=enrolled\nHOTPAIR_TERMINAL_KEY=enrolled\nHOTPAIR_PAIR_ID=enrolled\nHOTPAIR_LOG_LEVEL=enrolled\n", 0o600)
	one := write("one", "\ufeffHOTPAIR_TERMINAL_KEY=\"first one\"\r\n\r\n; none\r\nHOTPAIR_PAIR_ID = first\r\n", 0o600)
	two := write("two", "HOTPAIR_PAIR_ID='second'\n", 0o640)
	for _, name := range []string{"HOTPAIR_TERMINAL_ID", "HOTPAIR_TERMINAL_KEY", "HOTPAIR_PAIR_ID", "HOTPAIR_DATA"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOTPAIR_LOG_LEVEL", "environment")
	if err := (settings{data: dir, files: []string{one, two}}).apply(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"HOTPAIR_DATA": dir, "HOTPAIR_TERMINAL_ID": "enrolled", "HOTPAIR_TERMINAL_KEY": "first one", "HOTPAIR_PAIR_ID": "second", "HOTPAIR_LOG_LEVEL": "environment",
	} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := (settings{data: t.TempDir()}).apply(); err != nil {
		t.Errorf("a directory that nobody has enrolled in: %v", err)
	}
}

func TestSettings_WhatCantBeIsExplained(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "settings")
	for text, says := range map[string]string{
		"HOTPAIR_DATA":                      "line 1 is not a setting",
		"\n\nPATH=/tmp":                     "line 3 is not a setting",
		"LD_PRELOAD=x":                      "line 1 is not a setting",
		"HOTPAIR_TERMINAL ID=x":             "line 1 is not a setting",
		"HOTPAIR_TERMINAL_ID='x":            "does not end with one",
		"HOTPAIR_TERMINAL_ID=a\x00b":        "an invalid byte",
		strings.Repeat("#", mostSettings+1): "more than",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (settings{files: []string{path}}).apply(); !errors.Is(err, config.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if err := os.WriteFile(path, []byte("HOTPAIR_TERMINAL_ID=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	if err := (settings{files: []string{path}}).apply(); !errors.Is(err, config.ErrInvalid) || runtime.GOOS != "windows" && !strings.Contains(err.Error(), "has mode 0604: chmod 600") {
		t.Error(err)
	}
	if err := (settings{files: []string{filepath.Join(dir, "none")}}).apply(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add("HOTPAIR_DATA=/x\n# none\nHOTPAIR_TERMINAL_ID='a b'\r\n")
	f.Add("HOTPAIR_=\"")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseSettings(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, s := range list {
			if !strings.HasPrefix(s[0], config.Prefix+"_") || strings.ContainsAny(s[1], "\x00\n") {
				t.Fatalf("%q is taken for a setting", s)
			}
			again.WriteString(s[0] + "='" + s[1] + "'\n")
		}
		if read, err := parseSettings(again.String()); err != nil || !slices.Equal(read, list) {
			t.Fatalf("written again it is %q, %v, and was %q", read, err, list)
		}
	})
}

// The two programs have one command line, and differ in how they are called.
func TestCommand_IsOne(t *testing.T) {
	names := func(c *cobra.Command) (list []string) {
		for _, below := range c.Commands() {
			list = append(list, below.Name())
		}
		return list
	}
	within, alone := Within().Command(), Alone().Command()
	if a, b := names(within), names(alone); !slices.Equal(a, b) || !slices.Contains(a, "enrol") || !slices.Contains(a, "readmit") {
		t.Errorf("%q and %q", a, b)
	}
	if said, err := run(t, Alone().Command(), "enrol --help", ""); err != nil || !strings.Contains(said, "hotpair-terminal enrol --data") || strings.Contains(said, "PROGRAM") {
		t.Errorf("%v: %s", err, said)
	}
	if said, err := run(t, Within().Command(), "--help", ""); err != nil || !strings.Contains(said, "hotpair terminal enrol") || !strings.Contains(said, "hotpair help env") {
		t.Errorf("%v: %s", err, said)
	}
}

func TestMain_SaysWhatIsWrongInItsExitCode(t *testing.T) {
	for _, c := range []struct {
		line string
		want int
	}{{"help env", 0}, {"--version", 0}, {"nonsense", 2}, {"--nonsense", 2}, {"readmit", 2}, {"help nonsense", 2}, {"readmit --data " + t.TempDir(), 1}} {
		if got := Main(t.Context(), strings.Fields(c.line)); got != c.want {
			t.Errorf("%s ends with %d, want %d", c.line, got, c.want)
		}
	}
}

// managed is a manager that keeps services in memory.
type managed struct {
	services map[string]winservice.Service
	reports  map[string]winservice.Report
	fails    bool  // a service that starts ends
	closed   error // why a directory can't be given
}

func (m *managed) Create(s winservice.Service) error {
	if _, there := m.services[s.Name]; there {
		return winservice.ErrExists
	}
	m.services[s.Name], m.reports[s.Name] = s, winservice.Report{}
	return nil
}

func (m *managed) Give(winservice.Service) error { return m.closed }

func (m *managed) Remove(name string) error {
	delete(m.services, name)
	return nil
}

func (m *managed) Start(name string) error {
	m.reports[name] = winservice.Report{State: winservice.Starting, PID: 7}
	return nil
}

func (m *managed) Stop(name string) error {
	m.reports[name] = winservice.Report{State: winservice.Stopping, PID: 7}
	return nil
}

// Report goes on with what was begun: the next one is further.
func (m *managed) Report(name string) (winservice.Report, error) {
	if _, there := m.services[name]; !there {
		return winservice.Report{}, winservice.ErrMissing
	}
	r := m.reports[name]
	switch {
	case r.State == winservice.Starting && m.fails:
		m.reports[name] = winservice.Report{Code: 2}
	case r.State == winservice.Starting:
		m.reports[name] = winservice.Report{State: winservice.Running, PID: 7}
	case r.State == winservice.Stopping:
		m.reports[name] = winservice.Report{}
	}
	return r, nil
}

// TestService_GoesThroughItsLife goes through what an administrator does at a machine with Windows.
func TestService_GoesThroughItsLife(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &managed{services: map[string]winservice.Service{}, reports: map[string]winservice.Report{}}
		do := func(line, says string, want error) {
			t.Helper()
			said, err := run(t, Alone().services(m), line, "")
			if !errors.Is(err, want) || err == nil && !strings.Contains(said, says) || err != nil && !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q, %v; want %q, %v", line, said, err, says, want)
			}
		}
		do("start", "", winservice.ErrMissing)
		do("install --data "+dir+" --settings "+filepath.Join(dir, "more.env"), "to run it: ", nil)
		s := m.services["hotpair-terminal"]
		if want := []string{"--service", "hotpair-terminal", "--data", dir, "--settings", filepath.Join(dir, "more.env")}; !slices.Equal(s.Args, want) || s.User != "" || !filepath.IsAbs(s.Program) || s.Data != dir {
			t.Errorf("it is put up as %+v", s)
		}
		do("install", "a service of this name exists already", winservice.ErrExists)
		do("status", "is stopped", nil)
		do("start", "runs", nil)
		do("start", "runs", nil)
		do("status", "is running, process 7", nil)
		do("stop", "has ended", nil)
		do("stop", "has ended", nil)
		m.fails = true
		do("start", "ended with code 2: see the event log", winservice.ErrEnded)
		do("status", "is stopped; it ended with code 2", nil)
		m.fails = false
		do("start", "runs", nil)
		do("uninstall", "its data stay", nil)
		do("status", "", winservice.ErrMissing)
		m.closed = errors.New("read-only")
		do("install --data "+dir, "read-only", m.closed)
		do("status", "", winservice.ErrMissing)
		do("status extra", "--help", ErrUsage)
	})
	if said, err := run(t, Within().services(&managed{services: map[string]winservice.Service{}, reports: map[string]winservice.Report{}}), "install --name till --data "+dir, ""); err != nil || !strings.Contains(said, "hotpair terminal service start") {
		t.Errorf("%q, %v", said, err)
	}
}

func TestConfirm_EndsWithItsContext(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := &cobra.Command{}
	c.SetIn(reader)
	c.SetErr(&bytes.Buffer{})
	if err := confirm(ctx, c, "7"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for typed, want := range map[string]error{"7\n": nil, "7": nil, " 7 \r\n": nil, "8\n": ErrNotConfirmed, "": ErrNotConfirmed} {
		c.SetIn(strings.NewReader(typed))
		if err := confirm(t.Context(), c, "7"); !errors.Is(err, want) {
			t.Errorf("%q: %v", typed, err)
		}
	}
}
