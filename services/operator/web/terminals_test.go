package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestTerminals_OverHTTP(t *testing.T) {
	h := &operatortest.Host{}
	if w := request(t, h, http.MethodGet, operator.PathTerminals+"?limit=2&after=t1", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"t3"`) {
		t.Errorf("list: %d %s", w.Code, w.Body)
	}
	for target, body := range map[string]string{
		operator.PathTerminals + "?limit=0":   "GET",
		operator.PathTerminals + "?limit=x":   "GET",
		operator.PathTerminals + "?first=1":   "GET",
		operator.PathTerminalsAdd:             `{"terminals":[]}`,
		operator.PathTerminalsAdd + "?":       `{"terminals":[{"id":"x","adress":"nats://x:1"}]}`,
		operator.PathTerminalsRemove:          `{"ids":[]}{}`,
		operator.PathTerminalsRemove + "?":    `[`,
		operator.PathTerminalsProbe:           `{"limit":101}`,
		operator.PathTerminalsProbe + "?x":    `{"limit":-1}`,
		operator.PathTerminalsAdd + "?more":   `{}{}`,
		operator.PathTerminalsAdd + "?number": `5`,
	} {
		method := http.MethodPost
		if body == "GET" {
			method, body = http.MethodGet, ""
		}
		operatortest.WantProblem(t, request(t, h, method, target, body, nil), http.StatusBadRequest)
	}
	if w := request(t, h, http.MethodPost, operator.PathTerminalsAdd, `{"terminals":[{"id":"t7","address":"nats://x:1"}]}`, nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"position":"1/12"`) {
		t.Errorf("add: %d %s", w.Code, w.Body)
	}
	h.Err = operator.ErrRefused
	if p := operatortest.WantProblem(t, request(t, h, http.MethodPost, operator.PathTerminalsRemove, `{"ids":["t1"]}`, nil), http.StatusConflict); p.ID == "" {
		t.Error("a refusal has no id")
	}
	operatortest.WantProblem(t, request(t, h, http.MethodPost, operator.PathTerminalsAdd, strings.Repeat(" ", maxBody+1)+"{}", nil), http.StatusRequestEntityTooLarge)
}
