package operatortest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
)

// Decided is what the host of a test answers about who serves.
type Decided struct {
	Pause     operator.PauseResult
	Paused    []operator.PauseRequest
	Explained operator.Explanation
	Scheduled []time.Time
	Diagnosis operator.Diagnosis
	Settings  config.PairSettings
	Plan      operator.PromotePlan
	Accepted  []string
	Admitted  []string
}

func (h *Host) Pause(_ context.Context, c operator.Caller, r operator.PauseRequest) (operator.PauseResult, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers, h.Decided.Paused = append(h.Callers, c), append(h.Decided.Paused, r)
	return h.Decided.Pause, h.Err
}

func (h *Host) Resume(_ context.Context, c operator.Caller, _ operator.None) (operator.PauseResult, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers = append(h.Callers, c)
	return h.Decided.Pause, h.Err
}

// Served gives the answer to a call.
func Served(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// WantProblem checks that an answer is a problem with this status, and gives it.
func WantProblem(t *testing.T, w *httptest.ResponseRecorder, status int) operator.Problem {
	t.Helper()
	var p operator.Problem
	if w.Code != status || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("answered %d (%s) %s, want a problem %d", w.Code, w.Header().Get("Content-Type"), w.Body, status)
	} else if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != status || p.Title == "" || p.Type == "" {
		t.Errorf("problem %s: %v", w.Body, err)
	}
	return p
}

func (h *Host) PromotePlan(context.Context) (operator.PromotePlan, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	return h.Decided.Plan, nil
}

func (h *Host) Promote(_ context.Context, c operator.Caller, r operator.PromoteRequest) (operator.Promoted, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers, h.Decided.Accepted = append(h.Callers, c), append(h.Decided.Accepted, r.AcceptLoss)
	return operator.Promoted{ID: c.ID, Active: h.Decided.Plan.Host, Epoch: 8, Took: 12 * time.Millisecond, Plan: h.Decided.Plan}, h.Err
}

func (h *Host) Admit(_ context.Context, c operator.Caller, r operator.AdmitRequest) (operator.Admitted, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers, h.Decided.Admitted = append(h.Callers, c), append(h.Decided.Admitted, r.Who)
	return operator.Admitted{ID: c.ID, Active: "b", Epoch: 8, RecordVersion: 13, WitnessID: "W2"}, h.Err
}

func (h *Host) Schedule(_ context.Context, c operator.Caller, r operator.ScheduleRequest) (operator.Scheduled, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers, h.Decided.Scheduled = append(h.Callers, c), append(h.Decided.Scheduled, r.At)
	return operator.Scheduled{At: r.At, By: "operator 127.0.0.1:9", Host: "a"}, h.Err
}

func (h *Host) CancelSchedule(_ context.Context, c operator.Caller, _ operator.None) (operator.Scheduled, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers = append(h.Callers, c)
	return operator.Scheduled{At: Noon(), By: "operator 127.0.0.1:9", Host: "a"}, h.Err
}

// Request makes a call of an admin and gives the answer to it.
func Request(h http.Handler, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:7704"
	r.Header.Set("Authorization", "Bearer "+Token)
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	return Served(h, r)
}
