package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shownOf loads a host and gives what is shown of it, by name.
func shownOf(t *testing.T, changes ...string) map[string]Setting {
	t.Helper()
	host, err := Load[Host](hostEnviron(changes...))
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Setting{}
	for _, s := range host.Shown() {
		byName[s.Name] = s
	}
	return byName
}

// TestStructs_EveryVariableOfAHostSaysWhoseItIs: a new one is not compared, or left alone, by oversight.
func TestStructs_EveryVariableOfAHostSaysWhoseItIs(t *testing.T) {
	for _, f := range fields(new(Host)) {
		if of := f.tags.Get("of"); of != ofPair && of != ofHost {
			t.Errorf("%s: of:%q; decide whether both hosts should have the same (%s) or not (%s)", f.name, of, ofPair, ofHost)
		}
		if f.secret() != (f.value.Type() == reflect.TypeFor[Secret]()) {
			t.Errorf("%s is a secret by its tag only: its value would be logged", f.name)
		}
	}
}

func TestShown_HasEveryVariableAndTheDefaultsOfHelp(t *testing.T) {
	shown := shownOf(t)
	all := fields(new(Host))
	if len(shown) != len(all) {
		t.Errorf("%d are shown of %d", len(shown), len(all))
	}
	for _, f := range all {
		s := shown[f.name]
		if s.Default != f.initial() {
			t.Errorf("%s has the default %q, help says %q", f.name, s.Default, f.initial())
		}
		if f.initial() != "" && (s.Changed || s.Value != s.Default) {
			t.Errorf("unset, %s is shown as %+v", f.name, s)
		}
	}
	var changed []string
	for name, s := range shown {
		if s.Changed {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	want := []string{"HOTPAIR_DATA", "HOTPAIR_HOST", "HOTPAIR_PAIR_SECRET", "HOTPAIR_PEER_LINK", "HOTPAIR_PEER_REPLICATION", "HOTPAIR_TERMINALS", "HOTPAIR_TLS_CA", "HOTPAIR_TLS_CERT", "HOTPAIR_TLS_KEY", "HOTPAIR_WITNESS"}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Error(diff)
	}
}

// TestShown_MeansTheSameIsWrittenTheSame: what both files of a pair may write in their own ways must not be told to differ.
func TestShown_MeansTheSameIsWrittenTheSame(t *testing.T) {
	for _, c := range []struct{ set, name, want string }{
		{"HOTPAIR_LEASE=1000ms", "HOTPAIR_LEASE", "1s"},
		{"HOTPAIR_RETENTION=1440m", "HOTPAIR_RETENTION", "24h"},
		{"HOTPAIR_RETENTION=90m", "HOTPAIR_RETENTION", "1h30m"},
		{"HOTPAIR_RETENTION=10m", "HOTPAIR_RETENTION", "10m"},
		{"HOTPAIR_RETENTION=10h5s", "HOTPAIR_RETENTION", "10h0m5s"},
		{"HOTPAIR_HISTORY_MAX_BYTES=1024MiB", "HOTPAIR_HISTORY_MAX_BYTES", "1GiB"},
		{"HOTPAIR_BUSINESS=ledger, kv", "HOTPAIR_BUSINESS", "kv,ledger"},
		{"HOTPAIR_BUSINESS=shop=/opt/shop,kv", "HOTPAIR_BUSINESS", "kv,shop=/opt/shop"},
		{"HOTPAIR_TERMINALS=t2=nats://h:2,t1=nats://h:1", "HOTPAIR_TERMINALS", "t1=nats://h:1,t2=nats://h:2"},
		{"HOTPAIR_LOG_LEVEL=DEBUG", "HOTPAIR_LOG_LEVEL", "debug"},
		{"HOTPAIR_REFUSED_IS_DEAD=0", "HOTPAIR_REFUSED_IS_DEAD", "false"},
	} {
		s := shownOf(t, c.set)[c.name]
		if s.Value != c.want || s.Changed != (c.want != s.Default) {
			t.Errorf("%s is shown as %+v, want %s", c.set, s, c.want)
		}
	}
}

// TestShown_HidesSecrets: of each, only whether it is set; whatever else it is, it is shown the same.
func TestShown_HidesSecrets(t *testing.T) {
	var secrets []string
	var host Host
	for _, f := range fields(&host) {
		if f.secret() {
			secrets = append(secrets, f.name)
		}
	}
	if want := []string{"HOTPAIR_PAIR_SECRET", "HOTPAIR_HTTP_TOKEN", "HOTPAIR_ALARM_WEBHOOK", "HOTPAIR_BACKUP_S3_SECRET"}; len(secrets) != len(want) {
		t.Fatalf("secrets are %v, want %v", secrets, want)
	}
	given := func(secret string) string {
		shown := shownOf(t, "HOTPAIR_PAIR_SECRET="+secret, "HOTPAIR_HTTP_TOKEN="+secret, "HOTPAIR_ALARM_WEBHOOK=https://user:"+secret+"@alarms.example/"+secret, "HOTPAIR_BACKUP_S3_SECRET="+secret)
		for _, name := range secrets {
			if s := shown[name]; s.Value != "set" || !s.Changed || s.Default != "" {
				t.Errorf("%s is shown as %+v", name, s)
			}
		}
		text, err := json.Marshal(slices.SortedFunc(maps.Values(shown), func(a, b Setting) int { return strings.Compare(a.Name, b.Name) }))
		if err != nil || strings.Contains(string(text), secret) {
			t.Errorf("%v %s", err, text)
		}
		return string(text)
	}
	if diff := cmp.Diff(given(testSecret), given(strings.Repeat("another", 20))); diff != "" {
		t.Errorf("secrets can be told apart:\n%s", diff)
	}
	if s := shownOf(t)["HOTPAIR_HTTP_TOKEN"]; s.Value != "not set" || s.Changed {
		t.Errorf("unset it is shown as %+v", s)
	}
}

// TestLoad_NoAddressHoldsAPassword: addresses are shown as they are, so what comes before an @ must not get in.
func TestLoad_NoAddressHoldsAPassword(t *testing.T) {
	for _, f := range fields(new(Host)) {
		value := "user:word@h.example:1"
		switch f.tags.Get("form") {
		case "host:port":
		case "list":
			value = "kv=nats://" + value
		default:
			continue
		}
		if _, err := Load[Host](hostEnviron(f.name + "=" + value)); err == nil {
			t.Errorf("%s=%s was taken", f.name, value)
		}
	}
}

// TestShown_LongListsAreToldApart: thousands of terminals are too many to be shown, and differ all the same.
func TestShown_LongListsAreToldApart(t *testing.T) {
	list := func(last int) string {
		var b strings.Builder
		for n := range 5000 {
			fmt.Fprintf(&b, "t%d=nats://10.0.0.1:4222,", n)
		}
		fmt.Fprintf(&b, "z=nats://10.0.0.1:%d", last)
		return shownOf(t, "HOTPAIR_TERMINALS="+b.String())["HOTPAIR_TERMINALS"].Value
	}
	one, other := list(4222), list(4223)
	if one == other || one != list(4222) || len(one) > longestShown || !strings.HasPrefix(one, "t0=nats://") {
		t.Errorf("%s\n%s", one, other)
	}
}

func TestJoin(t *testing.T) {
	told := func(host string, changes ...string) HostSettings {
		h, err := Load[Host](hostEnviron(append(changes, "HOTPAIR_HOST="+host)...))
		if err != nil {
			t.Fatal(err)
		}
		return HostSettings{Host: host, Settings: h.Shown()}
	}
	differing := func(p PairSettings) (names []string) {
		for _, s := range p.Settings {
			if s.Differs {
				names = append(names, strings.TrimPrefix(s.Name, Prefix+"_"))
			}
		}
		if len(names) != p.Differing() {
			t.Errorf("%d differ, %v", p.Differing(), names)
		}
		return names
	}
	a := told("a")
	// All that is of one host differs, and none of it is told to.
	b := told("b", "HOTPAIR_DATA=/data", "HOTPAIR_BUS_PORT=0", "HOTPAIR_LINK=:1", "HOTPAIR_REPLICATION=:2", "HOTPAIR_PEER_LINK=a:3", "HOTPAIR_PEER_REPLICATION=a:4",
		"HOTPAIR_HTTP=127.0.0.1:5", "HOTPAIR_ALARM_COMMAND=/bin/page", "HOTPAIR_ALARM_TIMEOUT=1m", "HOTPAIR_ALARM_WEBHOOK=http://x", "HOTPAIR_TRACE_DIR=/tmp/t", "HOTPAIR_LOG_LEVEL=debug", "HOTPAIR_LOG_FORMAT=json")
	p := Join("b", []HostSettings{b, a})
	if names := differing(p); len(names) > 0 || p.Host != "b" || len(p.Settings) != len(a.Settings) {
		t.Errorf("%v differ, %+v", names, p.Hosts)
	}
	if diff := cmp.Diff([]SettingsHost{{Host: "a"}, {Host: "b"}}, p.Hosts); diff != "" {
		t.Error(diff)
	}
	p = Join("a", []HostSettings{a, told("b", "HOTPAIR_LEASE=2s", "HOTPAIR_WITNESS=other:7705", "HOTPAIR_BUSINESS=kv", "HOTPAIR_TERMINALS", "HOTPAIR_HTTP_TOKEN="+testSecret)})
	if diff := cmp.Diff([]string{"WITNESS", "TERMINALS", "BUSINESS", "HTTP_TOKEN", "LEASE"}, differing(p)); diff != "" {
		t.Error(diff)
	}
	if lease := p.Settings[4]; lease.Hosts["a"].Changed || !lease.Hosts["b"].Changed || lease.Hosts["b"].Value != "2s" || lease.Default != "300ms" || !lease.Changed() {
		t.Errorf("%+v", lease)
	}
	// A host that tells nothing differs in nothing; neither does one that does not have the variable.
	if p = Join("a", []HostSettings{a, {Host: "b", Problem: "connection refused"}}); differing(p) != nil || p.Hosts[1].Problem == "" || len(p.Settings) != len(a.Settings) {
		t.Errorf("%+v", p)
	}
	older := told("b")
	older.Settings = slices.DeleteFunc(older.Settings, func(s Setting) bool { return s.Name == "HOTPAIR_LEASE" })
	if p = Join("b", []HostSettings{older, a}); differing(p) != nil || len(p.Settings) != len(a.Settings) {
		t.Errorf("%+v", p)
	}
}
