package command

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/storage/position"
)

// chronicle is a host whose history of 100 updates is told in small pieces, each third of them about one key, and grows.
type chronicle struct {
	operatortest.Host
	grows func() uint64 // last sequence
}

func (h *chronicle) Registry() *registry.Registry {
	r := h.Host.Registry()
	registry.Answer(r, operator.CallHistory, h.History)
	return r
}

func (h *chronicle) History(_ context.Context, _ operator.Caller, q bus.HistoryRequest) (bus.HistoryPage, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	page := bus.HistoryPage{First: 1, Last: h.grows(), Updates: []bus.HistoryUpdate{}}
	add := func(n uint64) {
		if q.Key == "" || n%3 == 0 {
			page.Updates = append(page.Updates, bus.HistoryUpdate{Position: position.Position{Epoch: 1, Sequence: n}, Kind: "update", Service: "kv", Keys: []string{"k"}})
		}
	}
	const piece = 10
	if q.From > 0 {
		for n := q.From; n <= page.Last; n++ {
			if n == q.From+piece {
				page.Next = n
				break
			}
			add(n)
		}
		return page, nil
	}
	end := page.Last + 1
	if q.Before > 0 {
		end = q.Before
	}
	from := uint64(1)
	if end > piece {
		from = end - piece
	}
	for n := from; n < end; n++ {
		add(n)
	}
	page.Updates = page.Updates[max(0, len(page.Updates)-q.Limit):]
	if from > 1 {
		page.Prior = from
	}
	return page, nil
}

func TestHistoryCommand_OfOneKeyOverManyPieces(t *testing.T) {
	at := "--http=http://" + serve(t, &chronicle{grows: func() uint64 { return 100 }}).Address()
	for args, want := range map[string][]string{
		"history --key k --limit 7 " + at:            {"1/81 ", "1/99 ", "sequences 81 to 99"},
		"history --key k --limit 1000 " + at:         {"1/3 ", "1/99 "},
		"history --key k --from 50 --limit 20 " + at: {"1/51 ", "1/99 "},
	} {
		out, _, err := run(t, strings.Fields(args)...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s says\n%s, want %q", args, out, w)
			}
		}
		if n := strings.Count(out, "notified"); strings.Contains(args, "--limit 7") && n != 7 || strings.Contains(args, "1000") && n != 33 {
			t.Errorf("%s shows %d updates", args, n)
		}
	}
}

// Following shows each update once, in order, and ends without an error when it is told to.
func TestHistoryCommand_Follows(t *testing.T) {
	t.Setenv("HOTPAIR_HTTP_TOKEN", operatortest.Token)
	last := uint64(95)
	asked := 0
	at := "--http=http://" + serve(t, &chronicle{grows: func() uint64 {
		if asked++; asked > 2 && last < 125 {
			last += 3
		}
		return last
	}}).Address()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &until{want: "1/125 ", then: cancel}
	root := &cobra.Command{Use: "hotpair", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(Commands()...)
	root.SetOut(out)
	root.SetErr(out)
	root.SetArgs([]string{"history", "--follow", "--limit", "2", at})
	guard := time.AfterFunc(20*time.Second, cancel)
	defer guard.Stop()
	if err := root.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 32 {
		t.Fatalf("%d lines:\n%s", len(lines), out)
	}
	for i, line := range lines {
		if want := (position.Position{Epoch: 1, Sequence: 94 + uint64(i)}).String() + " "; !strings.HasPrefix(line, want) {
			t.Errorf("line %d is %q, want %s", i, line, want)
		}
	}
}

// until does something once a text was written.
type until struct {
	bytes.Buffer
	want string
	then func()
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	if strings.Contains(u.String(), u.want) {
		u.then()
	}
	return n, err
}

func TestDivergedCommand(t *testing.T) {
	at := "--http=http://" + serve(t, &operatortest.Host{}).Address()
	for _, c := range []struct{ args, err, want string }{
		{"history diverged " + at, "", "000001.aside      2 records, 3/18 to 3/19"},
		{"history diverged 000001.aside " + at, "", "lost key"},
		{"history diverged 000001.aside " + at, "", "77 bytes that can't be read as an update"},
		{"history diverged 000001.aside --json " + at, "", `"unreadable": 77`},
		{"history diverged ../facts.json " + at, "wrong usage", ""},
		{"history diverged --limit 0 " + at, "wrong usage", ""},
	} {
		out, _, err := run(t, strings.Fields(c.args)...)
		if c.err == "" && err != nil || c.err != "" && err == nil {
			t.Errorf("%s: %v, want %q", c.args, err, c.err)
		}
		if !strings.Contains(out, c.want) {
			t.Errorf("%s says %q, want %q", c.args, out, c.want)
		}
	}
	operatortest.WantProblem(t, request(t, &operatortest.Host{}, http.MethodGet, operator.CallDiverged.Path+"?limit=5000", "", nil), http.StatusBadRequest)
	operatortest.WantProblem(t, request(t, &operatortest.Host{}, http.MethodGet, operator.CallDiverged.Path+"?file=x", "", nil), http.StatusBadRequest)
}
