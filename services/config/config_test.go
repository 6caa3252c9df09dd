package config

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testSecret = "0123456789abcdef0123"

// hostEnviron is a complete host, with changes: NAME=value replaces, a bare NAME removes.
func hostEnviron(changes ...string) []string {
	environ := []string{
		"PATH=/usr/bin",
		"HOTPAIR_HOST=a", "HOTPAIR_DATA=/var/lib/hotpair",
		"HOTPAIR_PEER_LINK=b.example:7702", "HOTPAIR_PEER_REPLICATION=b.example:7703",
		"HOTPAIR_WITNESS=w.example:7705", "HOTPAIR_PAIR_SECRET=" + testSecret,
		"HOTPAIR_TERMINALS=t1=nats://10.0.0.1:4222, t2=nats://[::1]:4222",
		"HOTPAIR_TLS_CERT=/tls/cert.pem", "HOTPAIR_TLS_KEY=/tls/key.pem", "HOTPAIR_TLS_CA=/tls/ca.pem",
	}
	for _, change := range changes {
		name, _, set := strings.Cut(change, "=")
		environ = slices.DeleteFunc(environ, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		if set {
			environ = append(environ, change)
		}
	}
	return environ
}

func TestLoad_HostWithDefaults(t *testing.T) {
	got, err := Load[Host](hostEnviron())
	if err != nil {
		t.Fatal(err)
	}
	want := Host{
		Name: Name{"a"}, Storage: Storage{"/var/lib/hotpair"},
		BusPort: 7701, Link: ":7702", Replication: ":7703",
		PeerLink: "b.example:7702", PeerReplication: "b.example:7703", Witness: "w.example:7705",
		PairKey:   PairKey{PairSecret: testSecret},
		TLS:       TLS{TLSCert: "/tls/cert.pem", TLSKey: "/tls/key.pem", TLSCa: "/tls/ca.pem"},
		Terminals: Terminals{{"t1", "nats://10.0.0.1:4222"}, {"t2", "nats://[::1]:4222"}},
		Work:      Work{Business: Services{{Name: "kv"}, {Name: "ledger"}}},
		Console:   Console{HTTP: "127.0.0.1:7704", Reasons: "optional"},
		Pace:      Pace{300 * time.Millisecond},
		Patience:  Patience{2 * time.Second, true},
		Bounds:    Bounds{1_000_000, 168 * time.Hour, 1 << 30, 24 * time.Hour, 256 << 20, 10000},
		Deferral:  Deferral{TimerTries: 20},
		Hooks:     Hooks{AlarmTimeout: 30 * time.Second},
		Backups:   Backups{BackupKeep: Keep{Last: 24, Daily: 7, Weekly: 5}, BackupS3Endpoint: "https://s3.amazonaws.com", BackupS3Region: "us-east-1", BackupS3PathStyle: true},
		Log:       Log{slog.LevelInfo, LogText},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_EveryFaultNamesVariableValueAndRemedy(t *testing.T) {
	for _, test := range []struct {
		change string
		want   []string // parts of the one fault
	}{
		{"HOTPAIR_HOST", []string{"HOTPAIR_HOST", "is not set", "set it to"}},
		{"HOTPAIR_HOST=Host A", []string{`HOTPAIR_HOST="Host A"`, "is not a name", "lower-case"}},
		{"HOTPAIR_DATA", []string{"HOTPAIR_DATA", "is not set"}},
		{"HOTPAIR_DATA=", []string{"HOTPAIR_DATA", "is not set"}},
		{"HOTPAIR_BUS_PORT=70000", []string{"HOTPAIR_BUS_PORT=70000", "is no port", "1 to 65535"}},
		{"HOTPAIR_BUS_PORT=http", []string{"HOTPAIR_BUS_PORT=http", "is not a whole number"}},
		{"HOTPAIR_LINK=7702", []string{"HOTPAIR_LINK=7702", "is not host:port", ":7702"}},
		{"HOTPAIR_LINK=:0", []string{"HOTPAIR_LINK=:0", "has no port"}},
		{"HOTPAIR_LINK=a b:1", []string{`HOTPAIR_LINK="a b:1"`, "is not host:port"}},
		{"HOTPAIR_REPLICATION=:7702", []string{"HOTPAIR_REPLICATION=:7702", "same port as HOTPAIR_LINK"}},
		{"HOTPAIR_HTTP=127.0.0.1:7701", []string{"HOTPAIR_HTTP=127.0.0.1:7701", "same port as HOTPAIR_BUS_PORT"}},
		{"HOTPAIR_HTTP=192.0.2.1:7704", []string{"HOTPAIR_HTTP=192.0.2.1:7704", "unencrypted", "HOTPAIR_HTTP_TLS_CERT"}},
		{"HOTPAIR_HTTP_TOKEN=short", []string{"HOTPAIR_HTTP_TOKEN=(hidden)", "too short", "16"}},
		{"HOTPAIR_HTTP_TOKEN=a token with blanks in it", []string{"HOTPAIR_HTTP_TOKEN=(hidden)", "characters other than"}},
		{"HOTPAIR_HTTP_TOKEN_FILE=/does/not/exist", []string{"HOTPAIR_HTTP_TOKEN_FILE=/does/not/exist", "can't be read", "0600"}},
		{"HOTPAIR_PEER_LINK=:7702", []string{"HOTPAIR_PEER_LINK=:7702", "has no host"}},
		{"HOTPAIR_PEER_LINK=b.example:7703", []string{"HOTPAIR_PEER_REPLICATION", "same as HOTPAIR_PEER_LINK"}},
		{"HOTPAIR_LINK=b.example:7702", []string{"HOTPAIR_PEER_LINK", "this host's own HOTPAIR_LINK", "other host"}},
		{"HOTPAIR_WITNESS", []string{"HOTPAIR_WITNESS", "to none to ask the terminals instead"}},
		{"HOTPAIR_WITNESS=witness", []string{"HOTPAIR_WITNESS=witness", "is not host:port"}},
		{"HOTPAIR_PAIR_SECRET", []string{"HOTPAIR_PAIR_SECRET", "is not set", "openssl"}},
		{"HOTPAIR_PAIR_SECRET=short", []string{"HOTPAIR_PAIR_SECRET=(hidden)", "too short", "16"}},
		{"HOTPAIR_PAIR_SECRET_FILE=/x", []string{"HOTPAIR_PAIR_SECRET_FILE=/x", "unset one"}},
		{"HOTPAIR_TERMINALS=t1", []string{"HOTPAIR_TERMINALS=t1", "id=nats://host:port"}},
		{"HOTPAIR_TERMINALS=t.1=nats://h:1", []string{"whose id is not"}},
		{"HOTPAIR_TERMINALS=t1=nats://h:1,t1=nats://h:2", []string{"t1 twice"}},
		{"HOTPAIR_TERMINALS=t1=tls://h:1", []string{"is not id=nats://host:port"}},
		{"HOTPAIR_TERMINALS=t1=nats://u@h:1", []string{"is not host:port"}},
		{"HOTPAIR_TERMINALS=t1=nats://:1", []string{"has no host"}},
		{"HOTPAIR_BUSINESS=kv,shop", []string{"HOTPAIR_BUSINESS=kv,shop", "not built in (kv, ledger, sequence, tickets)", "name=/path"}},
		{"HOTPAIR_BUSINESS=shop=bin/shop", []string{"not absolute"}},
		{"HOTPAIR_BUSINESS=updater=/bin/shop", []string{"uses itself"}},
		{"HOTPAIR_BUSINESS=kv,kv", []string{"kv twice"}},
		{"HOTPAIR_TAKEOVER_NEEDS=tickets", []string{"HOTPAIR_TAKEOVER_NEEDS=tickets", "names tickets, which is not a service in HOTPAIR_BUSINESS"}},
		{"HOTPAIR_TAKEOVER_NEEDS=kv,kv", []string{"HOTPAIR_TAKEOVER_NEEDS=kv,kv", "twice"}},
		{"HOTPAIR_LEASE=10", []string{"HOTPAIR_LEASE=10", "is not a duration", "250ms"}},
		{"HOTPAIR_LEASE=99ms", []string{"HOTPAIR_LEASE=99ms", "too short", "100ms"}},
		{"HOTPAIR_LEASE=1h", []string{"HOTPAIR_LEASE=1h0m0s", "too long"}},
		{"HOTPAIR_STANDBY_PATIENCE=-1s", []string{"HOTPAIR_STANDBY_PATIENCE=-1s", "too short"}},
		{"HOTPAIR_REFUSED_IS_DEAD=maybe", []string{"HOTPAIR_REFUSED_IS_DEAD=maybe", "write true or false"}},
		{"HOTPAIR_LOG_LEVEL=loud", []string{"HOTPAIR_LOG_LEVEL=loud", "debug, info"}},
		{"HOTPAIR_LOG_FORMAT=xml", []string{"HOTPAIR_LOG_FORMAT=xml", "write text or json"}},
		{"HOTPAIR_HISTORY_MAX_UPDATES=0", []string{"HOTPAIR_HISTORY_MAX_UPDATES=0", "too small"}},
		{"HOTPAIR_EVENTS_MAX=10", []string{"HOTPAIR_EVENTS_MAX=10", "too small", "100"}},
		{"HOTPAIR_AUDIT_TRAIL=audit.jsonl", []string{"HOTPAIR_AUDIT_TRAIL=audit.jsonl", "neither the absolute path of a file nor syslog", "/var/log/hotpair/audit.jsonl"}},
		{"HOTPAIR_AUDIT_TRAIL=/var/log/../x", []string{"absolute path"}},
		{"HOTPAIR_AUDIT_TRAIL=syslog:log", []string{"needs the absolute path of a socket"}},
		{"HOTPAIR_AUDIT_TRAIL=Syslog", []string{"nor syslog"}},
		{"HOTPAIR_ALARM_COMMAND=page-me", []string{"HOTPAIR_ALARM_COMMAND=page-me", "absolute path"}},
		{"HOTPAIR_ALARM_TIMEOUT=30", []string{"HOTPAIR_ALARM_TIMEOUT=30", "is not a duration"}},
		{"HOTPAIR_ALARM_TIMEOUT=999ms", []string{"HOTPAIR_ALARM_TIMEOUT=999ms", "too short", "1s"}},
		{"HOTPAIR_ALARM_TIMEOUT=11m", []string{"HOTPAIR_ALARM_TIMEOUT=11m", "too long", "10m"}},
		{"HOTPAIR_TRACE_DIR=traces", []string{"HOTPAIR_TRACE_DIR=traces", "absolute path"}},
		{"HOTPAIR_ALARM_WEBHOOK=example.com/secret", []string{"HOTPAIR_ALARM_WEBHOOK", "is not an http or https URL", "https://"}},
		{"HOTPAIR_HISTORY_MAX_BYTES=1k", []string{"HOTPAIR_HISTORY_MAX_BYTES=1k", "not a number of bytes", "KiB"}},
		{"HOTPAIR_JOURNAL_MAX_BYTES=1MiB", []string{"HOTPAIR_JOURNAL_MAX_BYTES=1MiB", "too small", "16MiB"}},
		{"HOTPAIR_TIMER_TRIES=0", []string{"HOTPAIR_TIMER_TRIES=0", "too small or too large", "from 1 to 1000"}},
		{"HOTPAIR_TIMER_TRIES=1001", []string{"HOTPAIR_TIMER_TRIES=1001", "too small or too large"}},
		{"HOTPAIR_TIMER_TRIES=often", []string{"HOTPAIR_TIMER_TRIES=often", "number"}},
		{"HOTPAIR_RETENTION=0s", []string{"HOTPAIR_RETENTION=0s", "too short"}},
		{"HOTPAIR_PAIR_SECERT=very secret", []string{"HOTPAIR_PAIR_SECERT is not a setting", "did you mean HOTPAIR_PAIR_SECRET?"}},
		{"HOTPAIR_lease=1s", []string{"did you mean HOTPAIR_LEASE?"}},
		{"HOTPAIR_WALLPAPER=blue", []string{"HOTPAIR_WALLPAPER is not a setting", "hotpair help env"}},
	} {
		t.Run(test.change, func(t *testing.T) {
			_, err := Load[Host](hostEnviron(test.change))
			var faults Faults
			if !errors.Is(err, ErrInvalid) || !errors.As(err, &faults) || len(faults) != 1 {
				t.Fatalf("want one fault, have: %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is missing in: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "very secret") || strings.Contains(err.Error(), "=short") {
				t.Errorf("shows a secret: %v", err)
			}
		})
	}
}

func TestLoad_ReportsAllFaultsTogether(t *testing.T) {
	_, err := Load[Host](hostEnviron("HOTPAIR_LEASE=x", "HOTPAIR_HOST", "HOTPAIR_PEER_LINK=y", "HOTPAIR_BUS_PORT=z", "HOTPAIR_LINKS=:1"))
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	var have []string
	for _, fault := range faults {
		have = append(have, fault.Variable)
	}
	want := []string{"HOTPAIR_BUS_PORT", "HOTPAIR_HOST", "HOTPAIR_LEASE", "HOTPAIR_LINKS", "HOTPAIR_PEER_LINK"}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(err.Error(), "5 faults:\n  HOTPAIR_BUS_PORT") {
		t.Errorf("not a list: %v", err)
	}
}

// envconfig reads the bare name when a field names its variable by tag; HOST and DATA are set on many machines.
func TestLoad_IgnoresNamesWithoutPrefix(t *testing.T) {
	t.Setenv("LEASE", "5s")
	t.Setenv("HOST", "stranger")
	t.Setenv("HOTPAIR_LINK", ":1")
	host, err := Load[Host](append(hostEnviron(), "LEASE=6s"))
	if err != nil || host.Lease != 300*time.Millisecond || host.Host != "a" || host.Link != ":7702" {
		t.Errorf("%+v, %v", host, err)
	}
}

func TestLoad_LeavesTheProcessEnvironmentAlone(t *testing.T) {
	before := os.Environ()
	for _, environ := range [][]string{hostEnviron(), hostEnviron("HOTPAIR_LEASE=x")} {
		Load[Host](environ)
	}
	if diff := cmp.Diff(before, os.Environ()); diff != "" {
		t.Error(diff)
	}
}

// TestLoad_TerminalsFile: thousands of terminals do not fit into one variable, on no way from host to terminal-if.
// What one Load lends to the environment of the process is nothing to another that is given that environment meanwhile.
func TestLoad_BesideOthers(t *testing.T) {
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	beside.Go(func() {
		for ctx.Err() == nil {
			if _, err := Load[Host](hostEnviron()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 2000 {
		if _, err := Load[Inherited](os.Environ()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoad_TerminalsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terminals")
	var lines []string
	for n := range 5000 {
		lines = append(lines, fmt.Sprintf("terminal-%d=nats://terminal-%d.example:4222", n, n))
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Join(lines, "\n") + "\n")
	host, err := Load[Host](hostEnviron("HOTPAIR_TERMINALS", "HOTPAIR_TERMINALS_FILE="+path))
	if err != nil || len(host.Terminals) != 5000 || host.Terminals[4999].URL != "nats://terminal-4999.example:4222" {
		t.Fatalf("%d terminals, %v", len(host.Terminals), err)
	}
	environ := ForTerminalInterface(nil, host, Bus{BusURL: "nats://127.0.0.1:1", BusUser: "u", BusPassword: "p", BusInbox: "i"}, Traffic{TrafficListen: "127.0.0.1:2", TrafficKey: "k"})
	for _, e := range environ {
		if len(e) > 100<<10 {
			t.Errorf("%.30s… has %d bytes, which no process can be started with", e, len(e))
		}
	}
	if own, err := Load[TerminalInterface](environ); err != nil || len(own.Terminals) != 5000 {
		t.Errorf("terminal-if has %d terminals, %v", len(own.Terminals), err)
	}
	write("t1=http://x")
	for name, change := range map[string]string{"malformed": path, "absent": path + "x", "no file": filepath.Dir(path)} {
		if _, err := Load[Host](hostEnviron("HOTPAIR_TERMINALS", "HOTPAIR_TERMINALS_FILE="+change)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "HOTPAIR_TERMINALS_FILE") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load[Host](hostEnviron("HOTPAIR_TERMINALS=t1=nats://h:1", "HOTPAIR_TERMINALS_FILE="+path)); !errors.Is(err, ErrInvalid) {
		t.Errorf("both: %v", err)
	}
}

func TestLoad_PairSecretFile(t *testing.T) {
	write := func(text string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	load := func(path string) (Host, error) {
		return Load[Host](hostEnviron("HOTPAIR_PAIR_SECRET", "HOTPAIR_PAIR_SECRET_FILE="+path))
	}
	host, err := load(write(testSecret+"\n", 0o640))
	if err != nil || host.PairSecret != testSecret {
		t.Fatalf("%q, %v", host.PairSecret.Reveal(), err)
	}
	if again, err := Load[Host](ForHost(nil, host)); err != nil || again.PairSecret != testSecret {
		t.Errorf("handed on: %v", err)
	}
	for problem, path := range map[string]string{
		"accessible to everybody": write(testSecret, 0o644),
		"is empty":                write("\n", 0o600),
		"too short":               write("abc", 0o600),
		"is not a file":           t.TempDir(),
		"no such file":            filepath.Join(t.TempDir(), "none"),
		"not one line of":         write(testSecret+"\nmore", 0o600),
	} {
		if _, err := load(path); err == nil || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), testSecret) {
			t.Errorf("want %q, have: %v", problem, err)
		}
	}
}

func TestLoad_WitnessAndTerminal(t *testing.T) {
	witness, err := Load[Witness]([]string{"HOTPAIR_INSECURE=true", "HOTPAIR_DATA=/w", "HOTPAIR_PAIR_SECRET=" + testSecret})
	if err != nil || witness.WitnessListen != ":7705" {
		t.Errorf("%+v, %v", witness, err)
	}
	terminal, err := Load[Terminal]([]string{"HOTPAIR_INSECURE=true", "HOTPAIR_DATA=/t", "HOTPAIR_TERMINAL_ID=t1", "HOTPAIR_TERMINAL_KEY=" + TerminalKey(testSecret, "t1")})
	if err != nil || terminal.TerminalListen != ":4223" || terminal.TerminalApps != "127.0.0.1:4222" || terminal.TerminalDeadline != 30*time.Second {
		t.Errorf("%+v, %v", terminal, err)
	}
	if q := terminal.Queue; q != (Queue{10_000, 256 << 20, 7 * 24 * time.Hour, 10_000, 64 << 20}) {
		t.Errorf("%+v", q)
	}
	for set, want := range map[string]string{"ENTRIES=0": "from 1 to 60000", "ENTRIES=60001": "from 1 to 60000", "BYTES=1MiB": "2MiB or more", "AGE=1s": "1m0s or more", "KEPT=0": "from 1 to 1000000", "KEPT_BYTES=0": "2MiB or more"} {
		_, err := Load[Terminal]([]string{"HOTPAIR_INSECURE=true", "HOTPAIR_DATA=/t", "HOTPAIR_TERMINAL_ID=t1", "HOTPAIR_TERMINAL_KEY=" + TerminalKey(testSecret, "t1"), "HOTPAIR_TERMINAL_QUEUE_" + set})
		if err == nil || !strings.Contains(err.Error(), "HOTPAIR_TERMINAL_QUEUE_"+set) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", set, err)
		}
	}
	_, err = Load[Terminal]([]string{"HOTPAIR_INSECURE=true", "HOTPAIR_TERMINAL_DEADLINE=1m", "HOTPAIR_TERMINAL_DEADLINE_MAX=30s", "HOTPAIR_TERMINAL_ID=t.1"})
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 4 {
		t.Errorf("want four faults, have: %v", err)
	}
}

// Plain text between machines is there only for who says so; on one machine it needs no word.
func TestLoad_NoPlainTextBetweenMachinesUnlessAllowed(t *testing.T) {
	here := []string{"HOTPAIR_LINK=127.0.0.1:1", "HOTPAIR_REPLICATION=localhost:2", "HOTPAIR_PEER_LINK=[::1]:3", "HOTPAIR_PEER_REPLICATION=127.0.0.9:4",
		"HOTPAIR_WITNESS=127.0.0.1:5", "HOTPAIR_TERMINALS=t=nats://127.0.0.1:6", "HOTPAIR_TLS_CERT", "HOTPAIR_TLS_KEY", "HOTPAIR_TLS_CA"}
	files := []string{"HOTPAIR_TLS_CERT=/c", "HOTPAIR_TLS_KEY=/k", "HOTPAIR_TLS_CA=/r"}
	hostWith := func(changes ...string) error {
		_, err := Load[Host](hostEnviron(append(slices.Clone(here), changes...)...))
		return err
	}
	witnessAt := func(listen string, changes ...string) error {
		_, err := Load[Witness](append([]string{"HOTPAIR_DATA=/w", "HOTPAIR_PAIR_SECRET=" + testSecret, "HOTPAIR_WITNESS_LISTEN=" + listen}, changes...))
		return err
	}
	agentAt := func(listen string, changes ...string) error {
		_, err := Load[Terminal](append([]string{"HOTPAIR_DATA=/t", "HOTPAIR_TERMINAL_ID=t1", "HOTPAIR_TERMINAL_KEY=" + TerminalKey(testSecret, "t1"), "HOTPAIR_TERMINAL_LISTEN=" + listen}, changes...))
		return err
	}
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"all on one machine":               {hostWith(), ""},
		"listens for all":                  {hostWith("HOTPAIR_LINK=:1"), "HOTPAIR_LINK=:1 is reachable from other machines"},
		"listens for the network":          {hostWith("HOTPAIR_REPLICATION=10.0.0.1:2"), "HOTPAIR_REPLICATION"},
		"the other host by name":           {hostWith("HOTPAIR_PEER_LINK=b:3"), "HOTPAIR_PEER_LINK"},
		"the other updater":                {hostWith("HOTPAIR_PEER_REPLICATION=192.0.2.1:3"), "HOTPAIR_PEER_REPLICATION"},
		"the witness":                      {hostWith("HOTPAIR_WITNESS=w:3"), "HOTPAIR_WITNESS"},
		"no witness":                       {hostWith("HOTPAIR_WITNESS=none"), ""},
		"a terminal":                       {hostWith("HOTPAIR_TERMINALS=t=nats://127.0.0.1:6,u=nats://10.0.0.9:6"), "HOTPAIR_TERMINALS=10.0.0.9:6"},
		"allowed":                          {hostWith("HOTPAIR_LINK=:1", "HOTPAIR_INSECURE=true"), ""},
		"not allowed in so many words":     {hostWith("HOTPAIR_LINK=:1", "HOTPAIR_INSECURE=false"), "HOTPAIR_INSECURE=true on the whole pair"},
		"with a certificate":               {hostWith(append(files, "HOTPAIR_LINK=:1")...), ""},
		"with a certificate, and insecure": {hostWith(append(files, "HOTPAIR_INSECURE=true")...), "unset one of the two"},
		"the witness here":                 {witnessAt("127.0.0.1:1"), ""},
		"the witness for all":              {witnessAt(":1"), "HOTPAIR_WITNESS_LISTEN"},
		"the witness allowed":              {witnessAt(":1", "HOTPAIR_INSECURE=true"), ""},
		"the witness with a certificate":   {witnessAt(":1", files...), ""},
		"an agent here":                    {agentAt("127.0.0.1:1"), ""},
		"an agent for all":                 {agentAt("0.0.0.0:1"), "HOTPAIR_TERMINAL_LISTEN"},
		"an agent allowed":                 {agentAt(":1", "HOTPAIR_INSECURE=true"), ""},
	} {
		if c.want == "" && c.err != nil || c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", what, c.err, c.want)
		}
	}
}

func TestEnviron_IsReadBackTheSame(t *testing.T) {
	host, err := Load[Host](hostEnviron("HOTPAIR_BUSINESS=shop=/opt/shop,kv", "HOTPAIR_REFUSED_IS_DEAD=false", "HOTPAIR_BUS_PORT=0",
		"HOTPAIR_LOG_LEVEL=debug", "HOTPAIR_LOG_FORMAT=json", "HOTPAIR_LEASE=250ms", "HOTPAIR_JOURNAL_MAX_BYTES=20000001"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load[Host](ForHost([]string{"PATH=/bin"}, host))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(host, again); diff != "" {
		t.Error(diff)
	}
}

func TestForChildren_GiveExactlyWhatEachNeeds(t *testing.T) {
	host, err := Load[Host](hostEnviron())
	if err != nil {
		t.Fatal(err)
	}
	bus := Bus{BusURL: "nats://127.0.0.1:7701", BusUser: "kv", BusPassword: "pass word", BusInbox: "_INBOX.kv"}
	parent := []string{"PATH=/usr/bin", "HOME=/root", "GODEBUG=x=1", "AWS_SECRET=1", "HOTPAIR_PARENT_PID=7", "HOTPAIR_WITNESS=w:1"}

	traffic := Traffic{TrafficListen: "127.0.0.1:7", TrafficKey: "key"}
	updater, err := Load[Updater](ForUpdater(parent, host, bus, traffic))
	if err != nil || updater.Bus != bus || updater.Traffic != traffic || updater.Host != "a" || updater.PairSecret != testSecret || updater.Bounds != host.Bounds {
		t.Errorf("updater: %+v, %v", updater, err)
	}
	terminalIf, err := Load[TerminalInterface](ForTerminalInterface(parent, host, bus, traffic))
	if err != nil || terminalIf.Traffic != traffic || len(terminalIf.Terminals) != 2 {
		t.Errorf("terminal-if: %+v, %v", terminalIf, err)
	}
	business := ForBusiness(parent, host, bus, Routes{RequestsURL: "nats://127.0.0.1:8", DatabaseURL: "nats://127.0.0.1:9"})
	if _, err := Load[Business](business); err != nil {
		t.Error(err)
	}
	want := []string{
		"PATH=/usr/bin", "HOME=/root", "GODEBUG=x=1",
		"HOTPAIR_BUS_INBOX=_INBOX.kv", "HOTPAIR_BUS_PASSWORD=pass word", "HOTPAIR_BUS_URL=nats://127.0.0.1:7701", "HOTPAIR_BUS_USER=kv",
		"HOTPAIR_DATABASE_URL=nats://127.0.0.1:9", "HOTPAIR_HOST=a", "HOTPAIR_LEASE=300ms", "HOTPAIR_LOG_FORMAT=text", "HOTPAIR_LOG_LEVEL=INFO",
		"HOTPAIR_REQUESTS_URL=nats://127.0.0.1:8",
	}
	if diff := cmp.Diff(want, business); diff != "" {
		t.Error(diff)
	}
}

func TestSecret_IsNeverShown(t *testing.T) {
	host := Host{PairKey: PairKey{PairSecret: testSecret}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "host", host, "secret", host.PairSecret)
	for _, shown := range []string{fmt.Sprint(host), fmt.Sprintf("%+v %#v %q", host, host, host.PairSecret), log.String()} {
		if strings.Contains(shown, testSecret) {
			t.Errorf("shows the secret: %s", shown)
		}
	}
}

func TestKeys_DifferByPurpose(t *testing.T) {
	// printf 'terminal:t1' | openssl dgst -sha256 -hmac 0123456789abcdef0123
	const want = "14434e069a47a920ddb9b23f4514da5e9567f573475604683144aef8302a98d5"
	if got := TerminalKey(testSecret, "t1"); got != want {
		t.Errorf("terminal key is %s", got)
	}
	seen := map[string]bool{}
	for _, key := range []string{DeriveKey(testSecret, PurposeLink), DeriveKey(testSecret, PurposeReplication), DeriveKey(testSecret, PurposeWitness), TerminalKey(testSecret, "t1"), TerminalKey(testSecret, "t2")} {
		if seen[key] || len(key) != 64 {
			t.Errorf("key %s", key)
		}
		seen[key] = true
	}
}

func TestStructs_EveryVariableIsDescribedAndOneThingOnly(t *testing.T) {
	described := map[string]string{}
	for _, s := range sections {
		for _, f := range fields(s.spec()) {
			desc := f.tags.Get("desc")
			if _, known := described[f.name]; !known {
				described[f.name] = desc + "|" + f.initial()
				if desc == "" || f.tags.Get("form") == "" {
					t.Errorf("%s has no description or form", f.name)
				}
				continue
			}
			if desc != "" && described[f.name] != desc+"|"+f.initial() {
				t.Errorf("%s means two things", f.name)
			}
			if f.tags.Get("envconfig") != "" {
				t.Errorf("%s would be read without prefix too", f.name)
			}
		}
	}
}

func FuzzLoad_NeverPanics(f *testing.F) {
	f.Add("HOTPAIR_TERMINALS", "t1=nats://[::1]:4222,t2=nats://h:1")
	f.Add("HOTPAIR_BUSINESS", "kv,shop=/opt/shop")
	f.Add("HOTPAIR_JOURNAL_MAX_BYTES", "9223372036854775807GiB")
	f.Add("HOTPAIR_LEASE", "\x00")
	f.Fuzz(func(t *testing.T, name, value string) {
		host, err := Load[Host](hostEnviron(name + "=" + value))
		if err != nil {
			if !errors.Is(err, ErrInvalid) || err.Error() == "" {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := Load[Host](ForHost(nil, host))
		if diff := cmp.Diff(host, again); err != nil || diff != "" && name != "HOTPAIR_PAIR_SECRET_FILE" {
			t.Errorf("handed on it is another: %v\n%s", err, diff)
		}
	})
}
