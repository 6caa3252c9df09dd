package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestEvents_HTTP(t *testing.T) {
	h := &operatortest.Host{}
	h.Entries = operatortest.Takeover()
	get := func(query string) (page bus.EventsPage, p operator.Problem) {
		t.Helper()
		w := request(t, h, http.MethodGet, operator.CallEvents.Path+query, "", nil)
		into := any(&page)
		if w.Code != http.StatusOK {
			into = &p
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		return page, p
	}
	if page, _ := get("?limit=2"); len(page.Events) != 2 || page.Events[0].ID != 3 || page.Next != 5 || page.Last != 4 {
		t.Errorf("the last two: %+v", page)
	}
	if page, _ := get("?from=2&limit=1"); len(page.Events) != 1 || page.Events[0].Step != "B7" || page.Next != 3 {
		t.Errorf("from 2: %+v", page)
	}
	if page, _ := get("?since=" + operatortest.Noon().UTC().Format(time.RFC3339) + "&kind=role"); len(page.Events) != 2 {
		t.Errorf("since noon: %+v", page)
	}
	for _, wrong := range []string{"?limit=0", "?limit=501", "?from=-1", "?since=yesterday", "?kind=rolle", "?wait=1h", "?wait=x", "?what=1", "?from=1&from=2", "?since=-5m"} {
		if _, p := get(wrong); p.Status != http.StatusBadRequest || p.Detail == "" {
			t.Errorf("%s: %+v", wrong, p)
		}
	}
	h.Err = fmt.Errorf("%w: x", operator.ErrUnavailable)
	if _, p := get(""); p.Status != http.StatusServiceUnavailable {
		t.Errorf("unavailable: %+v", p)
	}
}

// TestEvents_WaitsForWhatComes: a call with wait is answered when something comes that it wants, or when the time is over.
func TestEvents_WaitsForWhatComes(t *testing.T) {
	h := &operatortest.Host{}
	h.Entries = operatortest.Takeover()
	client := operator.NewClient("http://" + serve(t, h).Address()).WithToken(operatortest.TokenOf(operator.View))
	if page, err := operator.CallEvents.Ask(t.Context(), client, operator.EventsQuery{From: 5, Wait: "50ms"}); err != nil || len(page.Events) != 0 || page.Next != 5 {
		t.Errorf("nothing came, got %+v, %v", page, err)
	}
	type result struct {
		page bus.EventsPage
		err  error
	}
	got := make(chan result, 1)
	go func() {
		page, err := operator.CallEvents.Ask(t.Context(), client, operator.EventsQuery{From: 5, Kind: bus.EventAudit, Wait: operator.WaitMost.String()})
		got <- result{page, err}
	}()
	h.Happens(operator.Event{Host: "b", Kind: bus.EventRole, Text: "not wanted"})
	h.Happens(operator.Event{Host: "b", Kind: bus.EventAudit, Text: "audit: 0 of 100 acknowledged updates missing"})
	select {
	case r := <-got:
		if r.err != nil || len(r.page.Events) != 1 || r.page.Events[0].ID != 6 || r.page.Next != 7 {
			t.Errorf("got %+v", r)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the call goes on waiting")
	}
}
