package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/operator"
)

// TestOperators_OfBothHosts plays the guide: an operator is added on one host and counts on both, acts with a reason that stands in the
// events, is withdrawn and is nobody on both at once. While the updater is down no token counts, and the socket lets root in.
func TestOperators_OfBothHosts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a pair")
	}
	sideBySide(t)
	trail := filepath.Join(t.TempDir(), "audit.jsonl") // of both hosts
	c := startCluster(t, []string{"--terminals", "2"}, "HOTPAIR_LEASE=1s", "HOTPAIR_AUDIT_TRAIL="+trail)
	c.awaitPaired()
	hosts := c.File().Hosts
	add := func(name, role string) string {
		t.Helper()
		// By the standby: it passes the call on, and what comes back is the token alone.
		out, err := c.hotpair("operators", "add", name, "--role", role, "--expires", "90d", "--reason", "on call", "--json", "--dir", c.Dir, "--host", local.HostB)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		_, token, _ := strings.Cut(out, `"token": "`)
		token, _, found := strings.Cut(token, `"`)
		if !found || !strings.HasPrefix(token, "hpt_") {
			t.Fatalf("no token:\n%s", out)
		}
		return token
	}
	alice, victor := add("alice", "operate"), add("victor", "view")
	as := func(host, token string) error {
		_, err := operator.CallWho.Ask(t.Context(), operator.NewClient(hosts[host].HTTP).WithToken(token), operator.None{})
		return err
	}
	for _, host := range []string{local.HostA, local.HostB} {
		for _, token := range []string{alice, victor} {
			c.Await(5*time.Second, "the operators at "+host, func() bool { return as(host, token) == nil })
		}
		client := operator.NewClient(hosts[host].HTTP)
		if _, err := operator.CallSwitchover.Ask(t.Context(), client.WithToken(victor), operator.None{}); !errors.Is(err, operator.ErrRole) {
			t.Errorf("victor switched over by %s: %v", host, err)
		}
		if _, err := operator.CallOperators.Ask(t.Context(), client.WithToken(alice), operator.None{}); !errors.Is(err, operator.ErrRole) {
			t.Errorf("alice saw the operators at %s: %v", host, err)
		}
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(alice+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := c.hotpair("pause", "--for", "10m", "--reason", "work on the switch", "--http", hosts[local.HostB].HTTP, "--token-file", file); err != nil || !strings.Contains(out, "by alice from") {
		t.Errorf("%v\n%s", err, out)
	}
	c.Await(10*time.Second, "who did it, and why", func() bool {
		out, err := c.hotpair("events", "--json", "--kind", "operator", "--dir", c.Dir)
		return err == nil && strings.Contains(out, `"name": "alice"`) && strings.Contains(out, `"reason": "work on the switch"`) && strings.Contains(out, `"role": "operate"`)
	})
	for _, host := range []string{local.HostA, local.HostB} {
		for _, args := range [][]string{{"history"}, {"events"}, {"operators"}, {"settings", "--all"}} {
			if out, _ := c.hotpair(append(args, "--json", "--dir", c.Dir, "--host", host)...); strings.Contains(out, alice) || strings.Contains(out, accounts.Digest(alice)) {
				t.Errorf("hotpair %s shows what is kept of a token:\n%s", args[0], out)
			}
		}
	}

	backup := filepath.Join(t.TempDir(), "backup")
	if out, err := c.hotpair("backup", backup, "--dir", c.Dir, "--host", local.HostB); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := c.hotpair("backup", "check", backup, "--json", "--dir", c.Dir); err != nil || strings.Contains(out, accounts.Digest(alice)) || strings.Contains(out, "alice") {
		t.Errorf("%v: hotpair backup check shows who operates the pair:\n%s", err, out)
	}
	_ = as(local.HostA, "hpt_guess")
	c.Await(10*time.Second, "the audit trail of all that", func() bool {
		text, err := os.ReadFile(trail)
		all := string(text)
		return err == nil && hasLine(all, `"host":"b"`, `"kind":"operator"`, `"name":"alice"`, `"reason":"work on the switch"`, `"from":"127.0.0.1:`) &&
			hasLine(all, `"host":"a"`, `"kind":"operator"`, "operator alice added as operate") && hasLine(all, `"kind":"refused"`, `"name":"victor"`, `"what":"switchover"`) &&
			hasLine(all, `"host":"a"`, `"kind":"refused"`, "somebody", "no operator has this token") && hasLine(all, `"kind":"role"`, `"step":"`) && hasLine(all, `"kind":"process"`)
	})
	if text, err := os.ReadFile(trail); err != nil || strings.Contains(string(text), "hpt_") || strings.Contains(string(text), accounts.Digest(alice)) {
		t.Errorf("%v: the audit trail shows what is kept of a token:\n%s", err, text)
	}

	began := time.Now()
	if out, err := c.hotpair("operators", "revoke", "alice", "--dir", c.Dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, host := range []string{local.HostA, local.HostB} {
		c.Await(5*time.Second, "that alice is nobody at "+host, func() bool { return errors.Is(as(host, alice), operator.ErrToken) })
		t.Logf("alice was nobody at %s %s after the command began", host, time.Since(began).Round(time.Millisecond))
		if err := as(host, victor); err != nil {
			t.Errorf("victor at %s: %v", host, err)
		}
	}

	// The updater stands still, is found dead, and is restarted: meanwhile a token may be an old one.
	host := local.HostB
	status, err := hosts[host].Client().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(status.Processes["updater"].PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.Await(20*time.Second, "no token to count", func() bool { return errors.Is(as(host, victor), operator.ErrUnavailable) })
	if p, err := operator.CallWho.Ask(t.Context(), hosts[host].Client(), operator.None{}); err != nil || p.Role != operator.Administer || p.Credential != operator.BySocket {
		t.Errorf("over the socket: %+v, %v", p, err)
	}
	c.Await(healWithin, "victor again", func() bool { return as(host, victor) == nil })
}

// hasLine reports whether a line of a text has all of these.
func hasLine(text string, all ...string) bool {
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(all, func(part string) bool { return !strings.Contains(line, part) }) {
			return true
		}
	}
	return false
}
