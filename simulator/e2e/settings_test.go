package e2e_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/config"
)

// TestSettings_OfBothHosts: either host tells what both mains run with. A host that is started again with another file is
// told to differ where it should not, from either side, and while it is down its column says so. No secret is shown.
func TestSettings_OfBothHosts(t *testing.T) {
	sideBySide(t)
	if testing.Short() {
		t.Skip("starts a pair")
	}
	const token = "HOTPAIR_HTTP_TOKEN"
	c := startCluster(t, []string{"--terminals", "2"}, "HOTPAIR_RETENTION=1h")
	c.awaitPaired()
	for _, host := range []string{local.HostA, local.HostB} {
		p, text := c.settings(host)
		if p.Host != host || p.Differing() != 0 || len(p.Hosts) != 2 || p.Hosts[0].Problem+p.Hosts[1].Problem != "" {
			t.Errorf("%s says:\n%s", host, text)
		}
		if s := settingOf(p, "HOTPAIR_RETENTION"); s.Hosts["a"].Value != "1h" || !s.Hosts["b"].Changed || s.Default != "24h" {
			t.Errorf("%s has the retention %+v", host, s)
		}
		if s := settingOf(p, "HOTPAIR_HOST"); s.Hosts["a"].Value != "a" || s.Hosts["b"].Value != "b" || s.Alike {
			t.Errorf("%s has the names %+v", host, s)
		}
	}

	c.order("stop", local.HostB)
	p, text := c.settings(local.HostA)
	if p.Hosts[1].Problem == "" || settingOf(p, "HOTPAIR_LEASE").Hosts["a"].Value == "" || p.Differing() != 0 {
		t.Errorf("while b is down a says:\n%s", text)
	}
	if !strings.Contains(text, "only the settings of a are known") || !strings.Contains(text, "not known: ") {
		t.Errorf("while b is down a says:\n%s", text)
	}

	// As its unit would be, with another file.
	start := c.File().Hosts[local.HostB].StartFile
	start.Env["HOTPAIR_RETENTION"], start.Env["HOTPAIR_LOG_LEVEL"], start.Env[token] = "2h", "debug", "a-token-of-b-alone"
	b := exec.Command(start.Command[0], start.Command[1:]...)
	for name, value := range start.Env {
		b.Env = append(b.Env, name+"="+value)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.Process.Signal(syscall.SIGTERM)
		_ = b.Wait()
	})
	c.Await(healWithin, "b to tell its settings", func() bool {
		p, text = c.settings(local.HostB)
		return p.Host == local.HostB && len(p.Hosts) == 2 && p.Hosts[0].Problem+p.Hosts[1].Problem == ""
	})
	for _, host := range []string{local.HostA, local.HostB} {
		p, text = c.settings(host)
		if p.Differing() != 2 || !p.Settings[0].Differs || !settingOf(p, "HOTPAIR_RETENTION").Differs || !settingOf(p, token).Differs {
			t.Errorf("%s says:\n%s", host, text)
		}
		if s := settingOf(p, "HOTPAIR_LOG_LEVEL"); s.Differs || s.Hosts["b"].Value != "debug" {
			t.Errorf("%s has the level of the log %+v", host, s)
		}
	}
}

// settings asks a host for what both are set to: as JSON, none of which may hold a secret, and as people see it. A host that
// does not answer says nothing.
func (c *cluster) settings(host string) (p config.PairSettings, text string) {
	c.Helper()
	answer, err := c.hotpair("settings", "--json", "--dir", c.Dir, "--host", host)
	if err != nil {
		return p, answer
	}
	if err := json.Unmarshal([]byte(answer), &p); err != nil {
		c.Fatalf("%v\n%s", err, answer)
	}
	text, err = c.hotpair("settings", "--all", "--dir", c.Dir, "--host", host)
	if err != nil {
		c.Fatalf("hotpair settings: %v\n%s", err, text)
	}
	if secret := c.File().Hosts[host].Env["HOTPAIR_PAIR_SECRET"]; secret == "" || strings.Contains(answer+text, secret) || strings.Contains(answer+text, "a-token-of-b-alone") {
		c.Fatalf("a secret is shown, or there is none:\n%s", text)
	}
	return p, text
}

// settingOf finds a setting by its variable.
func settingOf(p config.PairSettings, name string) config.PairSetting {
	for _, s := range p.Settings {
		if s.Name == name {
			return s
		}
	}
	return config.PairSetting{}
}
