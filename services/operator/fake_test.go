package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/storage/position"
)

// Backup gives some bytes, or breaks off, or refuses.
func (h *table) Backup(_ context.Context, _ Caller, to BackupOutput) (position.Position, error) {
	if errors.Is(h.err, ErrRefused) {
		return position.Position{}, h.err
	}
	to.Begin(10_000)
	for range 3 {
		if _, err := to.Write(bytes.Repeat([]byte("piece "), 1000)); err != nil {
			return position.Position{}, err
		}
	}
	return position.Position{Epoch: 3, Sequence: 99}, h.err
}

func (h *table) Terminals(_ context.Context, _ Caller, q TerminalsRequest) (TerminalsPage, error) {
	page := TerminalsPage{Source: SourceTable, Revision: 9, Total: 3, Hosts: []TerminalsHost{{Host: "a"}, {Host: "b", Problem: "link down"}}, Terminals: []TerminalRow{}}
	for _, id := range []string{"t1", "t2", "t3"} {
		if id <= q.After {
			continue
		}
		if len(page.Terminals) == min(q.Limit, 2) { // small pages
			page.More = true
			break
		}
		seen := TerminalSeen{State: "attached", Fresh: true, Active: "a", RTTMS: 0.4}
		if id == "t3" {
			seen = TerminalSeen{State: "unreachable", Reason: "connection refused"}
		}
		page.Terminals = append(page.Terminals, TerminalRow{ID: id, Address: "nats://10.0.0.1:4222", Hosts: map[string]TerminalSeen{"a": seen}})
	}
	return page, h.err
}

func (h *table) AddTerminals(_ context.Context, c Caller, add []TerminalAddress) (TerminalsChanged, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return TerminalsChanged{ID: c.ID, Revision: 12, Position: position.Position{Epoch: 1, Sequence: 12}, Began: true, Total: len(add) + 3}, h.err
}

func (h *table) RemoveTerminals(_ context.Context, c Caller, ids []string) (TerminalsChanged, error) {
	return TerminalsChanged{ID: c.ID, Revision: 13, Total: 3 - len(ids)}, h.err
}

func (h *table) ProbeTerminals(_ context.Context, _ Caller, q ProbeRequest) (ProbePage, error) {
	page := ProbePage{Total: 1, Hosts: []TerminalsHost{{Host: "a"}}, Terminals: []ProbedTerminal{}}
	for _, id := range append(q.IDs, "t9") {
		p := bus.TerminalProbe{ID: id, Outcome: bus.ProbeWrongKey, Detail: "it refuses the key that belongs to this id"}
		page.Terminals = append(page.Terminals, ProbedTerminal{ID: id, Address: "nats://x:1", Hosts: map[string]ProbeOutcome{"a": OutcomeOf(p)}})
	}
	return page, h.err
}

// compared is what the fake host found: nothing wrong, or one key.
func (h *table) compared(id string, running bool) bus.VerifyState {
	s := bus.VerifyState{ID: id, Host: "a", Peer: "b", By: "a test", Keys: 12345, Sections: 9, Done: 1, Running: running, Began: time.Unix(100, 0), Ended: time.Unix(103, 0)}
	if h.status.Host == "differs" {
		s.Different = 120
		s.Named = []bus.VerifyDifference{{Space: "kv", Key: "needle\x1b[2J", Kind: "different", Damaged: "b"}}
	}
	return s
}

func (h *table) BeginVerify(_ context.Context, c Caller, q VerifyRequest) (bus.VerifyState, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return h.compared(c.ID, true), h.err
}

func (h *table) VerifyState(context.Context, Caller) (bus.VerifyState, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := ""
	if n := len(h.callers); n > 0 {
		id = h.callers[n-1].ID
	}
	return h.compared(id, false), h.err
}

func (h *table) StopVerify(context.Context, Caller) (bus.VerifyState, error) {
	return bus.VerifyState{}, ErrRefused
}

// decided is what the host of a test answers about who serves.
type decided struct {
	pause     PauseResult
	paused    []PauseRequest
	explained Explanation
	scheduled []time.Time
	diagnosis Diagnosis
	plan      PromotePlan
	accepted  []string
	admitted  []string
}

func (h *table) Pause(_ context.Context, c Caller, r PauseRequest) (PauseResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers, h.decided.paused = append(h.callers, c), append(h.decided.paused, r)
	return h.decided.pause, h.err
}

func (h *table) Resume(_ context.Context, c Caller) (PauseResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return h.decided.pause, h.err
}

func (h *table) Doctor(context.Context) (Diagnosis, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.decided.diagnosis, h.err
}

func (h *table) Explain(context.Context) (Explanation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.decided.explained, h.err
}

func (h *table) Diverged(_ context.Context, q bus.AsideRequest) (bus.AsidePage, error) {
	page := bus.AsidePage{Files: []bus.AsideFile{{Name: "000001.aside", Reason: "tail of the journal beyond 3/17", Records: 2, First: "3/18", Last: "3/19"}}}
	switch q.File {
	case "":
	case "000001.aside":
		page.Updates = []bus.AsideUpdate{
			{HistoryUpdate: bus.HistoryUpdate{Position: position.Position{Epoch: 3, Sequence: 18}, Kind: "update", Service: "kv", Keys: []string{"lost key"}}},
			{Unreadable: 77},
		}
	default:
		return page, ErrUsage
	}
	return page, h.err
}

// table is a host that holds what a test puts into it. Its clock stands still at one second.
type table struct {
	mu       sync.Mutex
	status   Status
	right    lease.Right
	page     bus.HistoryPage
	asked    bus.HistoryRequest
	done     Switchover
	err      error
	callers  []Caller
	blocking chan struct{}
	logTable
	decided
	points []Point
	peer   Status
}

func clock() time.Duration { return time.Second }

const testToken = "a token for tests"

func (h *table) Status(context.Context) Status { h.mu.Lock(); defer h.mu.Unlock(); return h.status }

func (h *table) Right() lease.Right { h.mu.Lock(); defer h.mu.Unlock(); return h.right }

func (h *table) History(ctx context.Context, r bus.HistoryRequest) (bus.HistoryPage, error) {
	if h.blocking != nil {
		select {
		case <-h.blocking:
		case <-ctx.Done():
			return bus.HistoryPage{}, ctx.Err()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = r
	return h.page, h.err
}

func (h *table) Switchover(_ context.Context, c Caller) (Switchover, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return h.done, h.err
}

func served(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// wantProblem checks that an answer is a problem with this status, and gives it.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int) Problem {
	t.Helper()
	var p Problem
	if w.Code != status || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("answered %d (%s) %s, want a problem %d", w.Code, w.Header().Get("Content-Type"), w.Body, status)
	} else if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != status || p.Title == "" || p.Type == "" {
		t.Errorf("problem %s: %v", w.Body, err)
	}
	return p
}

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

func (h *table) Schedule(_ context.Context, c Caller, r ScheduleRequest) (Scheduled, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers, h.decided.scheduled = append(h.callers, c), append(h.decided.scheduled, r.At)
	return Scheduled{At: r.At, By: "operator 127.0.0.1:9", Host: "a"}, h.err
}

func (h *table) CancelSchedule(_ context.Context, c Caller) (Scheduled, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return Scheduled{At: noon(), By: "operator 127.0.0.1:9", Host: "a"}, h.err
}

// Series gives what a host that stands still has done: nothing.
func (h *table) Series(after time.Time) Series {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Series{Host: h.status.Host, Every: time.Second}
	for _, p := range h.points {
		if p.Time.After(after) {
			s.Points = append(s.Points, p)
		}
	}
	return s
}

// PeerLook is what the other host says, or that it says nothing.
func (h *table) PeerLook(_ context.Context, after time.Time) (Look, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.peer.Host == "" {
		return Look{}, fmt.Errorf("%w: b", ErrForward)
	}
	look := Look{Status: h.peer}
	if p := (Point{Time: time.Unix(4, 0), Host: "b", Requests: 9}); p.Time.After(after) {
		look.Points = append(look.Points, p)
	}
	return look, nil
}
