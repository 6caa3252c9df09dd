package command

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/screen"
)

func TestPlanScreen(t *testing.T) {
	for name, plan := range operatortest.Plans() {
		s := &screen.Screen{}
		planScreen(s, plan)
		wantScreen(t, s.Out.String())
		operatortest.Golden(t, name, s.Out.String())
	}
}

// promoteAt runs hotpair promote with what is typed.
func promoteAt(t *testing.T, dir, typed string, args ...string) (string, error) {
	t.Helper()
	root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(Commands()...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(typed))
	root.SetArgs(append([]string{"promote", "--dir", dir}, args...))
	err := root.ExecuteContext(context.Background())
	return out.String(), err
}

func TestPromoteCommand_AsksForTheNumber(t *testing.T) {
	for _, c := range []struct {
		name, plan, typed string
		args              []string
		accepted          string // "" when nothing may be ordered
		want              string
	}{
		{"typed", "promote-known", "41\n", []string{"--force", "--host", "b"}, "41", "b serves, epoch 8"},
		{"another number", "promote-known", "40\n", []string{"--force", "--host", "b"}, "", "not confirmed"},
		{"nothing", "promote-known", "", []string{"--force", "--host", "b"}, "", "not confirmed"},
		{"given", "promote-known", "", []string{"--force", "--host", "b", "--accept-loss", "41"}, "41", "b serves"},
		{"unknown", "promote-unknown", "unknown\n", []string{"--force", "--host", "b"}, "unknown", "b serves"},
		{"zero is not unknown", "promote-unknown", "0\n", []string{"--force", "--host", "b"}, "", "not confirmed"},
		{"refused", "promote-refused", "41\n", []string{"--force", "--host", "b"}, "", "inconsistent"},
		{"without force", "promote-known", "41\n", []string{"--host", "b"}, "", "--force"},
		{"which host", "promote-known", "41\n", []string{"--force"}, "", "--host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &operatortest.Host{Now: operatortest.Standby(), Decided: operatortest.Decided{Plan: operatortest.Plans()[c.plan]}}
			out, err := promoteAt(t, pair(t, &operatortest.Host{Now: operatortest.Paired()}, b), c.typed, c.args...)
			text := out
			if err != nil {
				text += err.Error()
			}
			if !strings.Contains(text, c.want) {
				t.Errorf("%q is not in\n%s", c.want, text)
			}
			if (err == nil) != (c.accepted != "") {
				t.Errorf("ended with %v", err)
			}
			if got := strings.Join(b.Decided.Accepted, ","); got != c.accepted {
				t.Errorf("accepted %q, want %q", got, c.accepted)
			}
		})
	}
}

func TestAdmitCommand(t *testing.T) {
	b := &operatortest.Host{Now: operatortest.Standby()}
	dir := pair(t, nil, b)
	for who, want := range map[string]string{"witness": "witness W2 has the pair record now", "a": "b serves, epoch 8; a joins"} {
		out, _, err := run(t, "admit", who, "--dir", dir)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("admit %s: %v\n%s", who, err, out)
		}
	}
	if _, _, err := run(t, "admit", "--dir", dir); err == nil || !strings.Contains(err.Error(), "one name") {
		t.Errorf("admit nobody: %v", err)
	}
	if len(b.Decided.Admitted) != 2 {
		t.Errorf("admitted %v", b.Decided.Admitted)
	}
}
