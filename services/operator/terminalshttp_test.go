package operator

import (
	"net/http"
	"strings"
	"testing"
)

func TestTerminals_OverHTTP(t *testing.T) {
	h := &table{}
	if w := request(t, h, http.MethodGet, PathTerminals+"?limit=2&after=t1", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"t3"`) {
		t.Errorf("list: %d %s", w.Code, w.Body)
	}
	for target, body := range map[string]string{
		PathTerminals + "?limit=0":   "GET",
		PathTerminals + "?limit=x":   "GET",
		PathTerminals + "?first=1":   "GET",
		PathTerminalsAdd:             `{"terminals":[]}`,
		PathTerminalsAdd + "?":       `{"terminals":[{"id":"x","adress":"nats://x:1"}]}`,
		PathTerminalsRemove:          `{"ids":[]}{}`,
		PathTerminalsRemove + "?":    `[`,
		PathTerminalsProbe:           `{"limit":101}`,
		PathTerminalsProbe + "?x":    `{"limit":-1}`,
		PathTerminalsAdd + "?more":   `{}{}`,
		PathTerminalsAdd + "?number": `5`,
	} {
		method := http.MethodPost
		if body == "GET" {
			method, body = http.MethodGet, ""
		}
		wantProblem(t, request(t, h, method, target, body, nil), http.StatusBadRequest)
	}
	if w := request(t, h, http.MethodPost, PathTerminalsAdd, `{"terminals":[{"id":"t7","address":"nats://x:1"}]}`, nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"position":"1/12"`) {
		t.Errorf("add: %d %s", w.Code, w.Body)
	}
	h.err = ErrRefused
	if p := wantProblem(t, request(t, h, http.MethodPost, PathTerminalsRemove, `{"ids":["t1"]}`, nil), http.StatusConflict); p.ID == "" {
		t.Error("a refusal has no id")
	}
	wantProblem(t, request(t, h, http.MethodPost, PathTerminalsAdd, strings.Repeat(" ", maxBody+1)+"{}", nil), http.StatusRequestEntityTooLarge)
}
