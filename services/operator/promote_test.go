package operator

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func (h *table) PromotePlan(context.Context) (PromotePlan, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.decided.plan, nil
}

func (h *table) Promote(_ context.Context, c Caller, r PromoteRequest) (Promoted, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers, h.decided.accepted = append(h.callers, c), append(h.decided.accepted, r.AcceptLoss)
	return Promoted{ID: c.ID, Active: h.decided.plan.Host, Epoch: 8, Took: 12 * time.Millisecond, Plan: h.decided.plan}, h.err
}

func (h *table) Admit(_ context.Context, c Caller, r AdmitRequest) (Admitted, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers, h.decided.admitted = append(h.callers, c), append(h.decided.admitted, r.Who)
	return Admitted{ID: c.ID, Active: "b", Epoch: 8, RecordVersion: 13, WitnessID: "W2"}, h.err
}

func plans() map[string]PromotePlan {
	known := PromotePlan{Host: "b", AcceptLoss: "41", Own: "7/12367", Other: "7/12408", Heard: noon(), Active: "a", Asked: 5, Fresh: []string{"t1", "t4"},
		Note: "what a acknowledged since it was last heard is not known here and comes on top"}
	unknown := PromotePlan{Host: "b", AcceptLoss: UnknownLoss, Own: "7/12367", Active: "a", Asked: 5}
	refused := known
	refused.Refused = "this host is half-way through a copy: its database is not consistent, and no force makes it so"
	return map[string]PromotePlan{
		"promote-known": known, "promote-unknown": unknown, "promote-refused": refused,
		"promote-needless": {Host: "b", AcceptLoss: "0", Own: "7/12408", Active: "a", Needless: true, Asked: 5},
	}
}

func TestPlanScreen(t *testing.T) {
	for name, plan := range plans() {
		s := &screen{}
		planScreen(s, plan)
		wantScreen(t, s.out.String())
		golden(t, name, s.out.String())
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
		{"refused", "promote-refused", "41\n", []string{"--force", "--host", "b"}, "", "half-way through a copy"},
		{"without force", "promote-known", "41\n", []string{"--host", "b"}, "", "--force"},
		{"which host", "promote-known", "41\n", []string{"--force"}, "", "--host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &table{status: standby(), decided: decided{plan: plans()[c.plan]}}
			out, err := promoteAt(t, pair(t, &table{status: paired()}, b), c.typed, c.args...)
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
			if got := strings.Join(b.decided.accepted, ","); got != c.accepted {
				t.Errorf("accepted %q, want %q", got, c.accepted)
			}
		})
	}
}

func TestPromote_BadRequests(t *testing.T) {
	for body, want := range map[string]int{
		``: http.StatusBadRequest, `{}`: http.StatusBadRequest, `{"accept_loss":"-1"}`: http.StatusBadRequest, `{"accept_loss":"many"}`: http.StatusBadRequest,
		`{"accept_loss":"0"}`: http.StatusOK, `{"accept_loss":"unknown"}`: http.StatusOK,
	} {
		h := &table{status: standby(), decided: decided{plan: plans()["promote-known"]}}
		if w := request(t, h, http.MethodPost, PathPromote, body, nil); w.Code != want {
			t.Errorf("%s: answered %d %s, want %d", body, w.Code, w.Body, want)
		} else if want != http.StatusOK && len(h.decided.accepted) > 0 {
			t.Errorf("%s reached the host", body)
		}
	}
}

func TestAdmitCommand(t *testing.T) {
	b := &table{status: standby()}
	dir := pair(t, nil, b)
	for who, want := range map[string]string{"witness": "witness W2 keeps the pair record now", "a": "b serves, epoch 8; a joins"} {
		out, _, err := run(t, "admit", who, "--dir", dir)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("admit %s: %v\n%s", who, err, out)
		}
	}
	if _, _, err := run(t, "admit", "--dir", dir); err == nil || !strings.Contains(err.Error(), "one name") {
		t.Errorf("admit nobody: %v", err)
	}
	if len(b.decided.admitted) != 2 {
		t.Errorf("admitted %v", b.decided.admitted)
	}
}

func FuzzPromoteRequest_Loss(f *testing.F) {
	for _, text := range []string{"41", "unknown", "-1", "", "99999999999999999999", "0x10", " 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		accepted, unknown, err := PromoteRequest{AcceptLoss: text}.Loss()
		if err != nil && (accepted != 0 || unknown) || unknown != (text == UnknownLoss) {
			t.Errorf("%q accepts %d, unknown %t, %v", text, accepted, unknown, err)
		}
	})
}
