package command

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// setTo is what a host of a pair is set to, beside what both are.
func setTo(t *testing.T, host string, environ ...string) config.HostSettings {
	t.Helper()
	h, err := config.Load[config.Host](append([]string{"HOTPAIR_HOST=" + host, "HOTPAIR_DATA=/var/lib/hotpair", "HOTPAIR_WITNESS=192.0.2.3:7705", "HOTPAIR_PAIR_SECRET=the secret of both hosts", "HOTPAIR_TLS_CERT=/etc/hotpair/tls/cert.pem", "HOTPAIR_TLS_KEY=/etc/hotpair/tls/key.pem", "HOTPAIR_TLS_CA=/etc/hotpair/tls/ca.pem"}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	return config.HostSettings{Host: host, Settings: h.Shown()}
}

func TestSettingsCommand(t *testing.T) {
	a := setTo(t, "a", "HOTPAIR_PEER_LINK=192.0.2.2:7702", "HOTPAIR_PEER_REPLICATION=192.0.2.2:7703", "HOTPAIR_TERMINALS=t1=nats://10.0.0.1:4222")
	b := setTo(t, "b", "HOTPAIR_PEER_LINK=192.0.2.1:7702", "HOTPAIR_PEER_REPLICATION=192.0.2.1:7703", "HOTPAIR_TERMINALS=t1=nats://10.0.0.1:4222", "HOTPAIR_LOG_LEVEL=debug")
	other := setTo(t, "b", "HOTPAIR_PEER_LINK=192.0.2.1:7702", "HOTPAIR_PEER_REPLICATION=192.0.2.1:7703", "HOTPAIR_LEASE=3s", "HOTPAIR_HTTP_TOKEN=the-secret-of-operators",
		"HOTPAIR_TERMINALS=t1=nats://10.0.0.1:4222,t2=nats://10.0.0.2:4222,t3=nats://10.0.0.3:4222,t4=nats://10.0.0.4:4222,t5=nats://10.0.0.5:4222")
	other.Settings = other.Settings[:len(other.Settings)-1] // its version has no HOTPAIR_LOG_FORMAT
	for name, c := range map[string]struct {
		told []config.HostSettings
		args []string
	}{
		"settings-alike":  {[]config.HostSettings{a, b}, nil},
		"settings-differ": {[]config.HostSettings{a, other}, nil},
		"settings-all":    {[]config.HostSettings{b, a}, []string{"--all"}},
		"settings-older":  {[]config.HostSettings{a, other}, []string{"--all"}},
		"settings-alone":  {[]config.HostSettings{a, {Host: "b", Problem: "the other host can't be reached over the link: 192.0.2.2:7704: connection refused"}}, nil},
	} {
		p := config.Join(c.told[0].Host, c.told)
		h := &operatortest.Host{Now: operatortest.Paired(), Decided: operatortest.Decided{Settings: p}}
		dir := pair(t, h, nil)
		out, _, err := run(t, append([]string{"settings", "--dir", dir}, c.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		wantScreen(t, out)
		operatortest.Golden(t, name, out)
		if strings.Contains(out, "secret of") || strings.Contains(out, "secret-of") {
			t.Errorf("%s shows a secret", name)
		}
		out, _, err = run(t, "settings", "--dir", dir, "--json")
		var got config.PairSettings
		if err != nil || json.Unmarshal([]byte(out), &got) != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSettingsCommand_WrongUsage(t *testing.T) {
	for _, args := range [][]string{{"settings", "lease"}, {"settings", "--every"}} {
		if _, _, err := run(t, args...); err == nil || !strings.Contains(err.Error(), "hotpair settings --help") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
