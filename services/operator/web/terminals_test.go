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
	if w := request(t, h, http.MethodGet, operator.CallTerminals.Path+"?limit=2&after=t1", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"t3"`) {
		t.Errorf("list: %d %s", w.Code, w.Body)
	}
	for target, body := range map[string]string{
		operator.CallTerminals.Path + "?limit=0":   "GET",
		operator.CallTerminals.Path + "?limit=x":   "GET",
		operator.CallTerminals.Path + "?first=1":   "GET",
		operator.CallAddTerminals.Path:             `{"terminals":[]}`,
		operator.CallAddTerminals.Path + "?":       `{"terminals":[{"id":"x","adress":"nats://x:1"}]}`,
		operator.CallRemoveTerminals.Path:          `{"ids":[]}{}`,
		operator.CallRemoveTerminals.Path + "?":    `[`,
		operator.CallProbeTerminals.Path:           `{"limit":101}`,
		operator.CallProbeTerminals.Path + "?x":    `{"limit":-1}`,
		operator.CallAddTerminals.Path + "?more":   `{}{}`,
		operator.CallAddTerminals.Path + "?number": `5`,
	} {
		method := http.MethodPost
		if body == "GET" {
			method, body = http.MethodGet, ""
		}
		operatortest.WantProblem(t, request(t, h, method, target, body, nil), http.StatusBadRequest)
	}
	if w := request(t, h, http.MethodPost, operator.CallAddTerminals.Path, `{"terminals":[{"id":"t7","address":"nats://x:1"}]}`, nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"position":"1/12"`) {
		t.Errorf("add: %d %s", w.Code, w.Body)
	}
	h.Err = operator.ErrRefused
	if p := operatortest.WantProblem(t, request(t, h, http.MethodPost, operator.CallRemoveTerminals.Path, `{"ids":["t1"]}`, nil), http.StatusConflict); p.ID == "" {
		t.Error("a refusal has no id")
	}
	operatortest.WantProblem(t, request(t, h, http.MethodPost, operator.CallAddTerminals.Path, strings.Repeat(" ", maxBody+1)+"{}", nil), http.StatusRequestEntityTooLarge)
}
