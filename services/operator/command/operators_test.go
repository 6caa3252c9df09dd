package command

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// TestOperators_AddListRotateRemove: the token alone on standard output, so that it can be written to a file; nowhere else.
func TestOperators_AddListRotateRemove(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired()}
	dir := pair(t, h, nil)
	do := func(args ...string) (out, complaint string) {
		t.Helper()
		out, complaint, err := run(t, append(append([]string{"operators"}, args...), "--dir", dir)...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out, complaint
	}
	if out, _ := do(); !strings.Contains(out, "only root") {
		t.Errorf("nobody: %s", out)
	}
	out, complaint := do("add", "alice", "--role", "operate", "--expires", "90d", "--reason", "on call")
	if out != "hpt_token\n" || !strings.Contains(complaint, "alice may operate the pair, until 2026-06-02") {
		t.Errorf("%q, %q", out, complaint)
	}
	if c := h.Callers[0]; c.Reason != "on call" || c.Name != "admin" {
		t.Errorf("%+v", c)
	}
	if out, _ := do("list"); !strings.Contains(out, "alice") || !strings.Contains(out, "by admin") || strings.Contains(out, "hpt_") {
		t.Errorf("%s", out)
	}
	if out, _ := do("rotate", "alice"); out != "hpt_another\n" {
		t.Errorf("%q", out)
	}
	if out, _ := do("revoke", "alice"); !strings.Contains(out, "alice is no longer an operator; 0 left") {
		t.Errorf("%s", out)
	}
	if _, _, err := run(t, "operators", "remove", "alice", "--dir", dir); !errors.Is(err, operator.ErrRefused) {
		t.Error(err)
	}
	if out, _, err := run(t, "whoami", "--dir", dir); err == nil || !strings.Contains(out, "admin may operate and change the pair (admin, by token)") {
		t.Errorf("%v: %s", err, out) // b is down, and is told of
	}
}

func TestOperators_BadUsage(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired()}
	dir := pair(t, h, nil)
	for _, args := range [][]string{
		{"add"}, {"add", "alice"}, {"add", "alice", "--role", "root"}, {"add", "-x", "--role", "view"}, {"add", "a b", "--role", "view"},
		{"add", "alice", "--role", "view", "--expires", "0d"}, {"add", "alice", "--role", "view", "--expires", "soon"}, {"add", "alice", "--role", "view", "--expires", "1s"},
		{"add", "alice", "--role", "view", "--expires", "4000d"}, {"rotate"}, {"rotate", "alice", "--expires", "-1h"}, {"remove"}, {"remove", "a", "b"}, {"grant"},
	} {
		if _, _, err := run(t, append(append([]string{"operators"}, args...), "--dir", dir)...); !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
	if len(h.Callers) != 0 {
		t.Errorf("%+v", h.Callers)
	}
}

func TestLifeOf(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "90d": 90 * 24 * time.Hour, "12h": 12 * time.Hour, "1d": 24 * time.Hour} {
		got, err := lifeOf(text)
		if d, _ := time.ParseDuration(got); err != nil || d != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
