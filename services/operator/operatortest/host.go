package operatortest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/access"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/verdict"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
	"github.com/hotpair/hotpair/storage/position"
)

// Backup gives some bytes, or breaks off, or refuses.
func (h *Host) Backup(_ context.Context, _ operator.Caller, to operator.BackupOutput) (position.Position, error) {
	if errors.Is(h.Err, operator.ErrRefused) {
		return position.Position{}, h.Err
	}
	to.Begin(10_000)
	for range 3 {
		if _, err := to.Write(bytes.Repeat([]byte("piece "), 1000)); err != nil {
			return position.Position{}, err
		}
	}
	return position.Position{Epoch: 3, Sequence: 99}, h.Err
}

func (h *Host) Terminals(_ context.Context, _ operator.Caller, q operator.TerminalsRequest) (operator.TerminalsPage, error) {
	page := operator.TerminalsPage{Source: operator.SourceTable, Revision: 9, Total: 3, Hosts: []operator.TerminalsHost{{Host: "a"}, {Host: "b", Problem: "link down"}}, Terminals: []operator.TerminalRow{}}
	for _, id := range []string{"t1", "t2", "t3"} {
		if id <= q.After {
			continue
		}
		if len(page.Terminals) == min(q.Limit, 2) { // small pages
			page.More = true
			break
		}
		seen := operator.TerminalSeen{State: "attached", Fresh: true, Active: "a", RTTMS: 0.4}
		if id == "t3" {
			seen = operator.TerminalSeen{State: "unreachable", Reason: "connection refused"}
		}
		page.Terminals = append(page.Terminals, operator.TerminalRow{ID: id, Address: "nats://10.0.0.1:4222", Hosts: map[string]operator.TerminalSeen{"a": seen}})
	}
	return page, h.Err
}

func (h *Host) AddTerminals(_ context.Context, c operator.Caller, q operator.AddTerminals) (operator.TerminalsChanged, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers = append(h.Callers, c)
	return operator.TerminalsChanged{ID: c.ID, Revision: 12, Position: position.Position{Epoch: 1, Sequence: 12}, Began: true, Total: len(q.Terminals) + 3}, h.Err
}

func (h *Host) RemoveTerminals(_ context.Context, c operator.Caller, q operator.RemoveTerminals) (operator.TerminalsChanged, error) {
	return operator.TerminalsChanged{ID: c.ID, Revision: 13, Total: 3 - len(q.IDs)}, h.Err
}

func (h *Host) ProbeTerminals(_ context.Context, _ operator.Caller, q operator.ProbeRequest) (operator.ProbePage, error) {
	page := operator.ProbePage{Total: 1, Hosts: []operator.TerminalsHost{{Host: "a"}}, Terminals: []operator.ProbedTerminal{}}
	for _, id := range append(q.IDs, "t9") {
		p := bus.TerminalProbe{ID: id, Outcome: bus.ProbeWrongKey, Detail: "it refuses the key of this terminal id"}
		page.Terminals = append(page.Terminals, operator.ProbedTerminal{ID: id, Address: "nats://x:1", Hosts: map[string]operator.ProbeOutcome{"a": operator.OutcomeOf(p)}})
	}
	return page, h.Err
}

// compared is what the fake host found: nothing wrong, or one key.
func (h *Host) compared(id string, running bool) bus.VerifyState {
	s := bus.VerifyState{ID: id, Host: "a", Peer: "b", By: "a test", Keys: 12345, Sections: 9, Done: 1, Running: running, Began: time.Unix(100, 0), Ended: time.Unix(103, 0)}
	if h.Now.Host == "differs" {
		s.Different = 120
		s.Named = []bus.VerifyDifference{{Space: "kv", Key: "needle\x1b[2J", Kind: "different", Damaged: "b"}}
	}
	return s
}

func (h *Host) BeginVerify(_ context.Context, c operator.Caller, q operator.VerifyRequest) (bus.VerifyState, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers = append(h.Callers, c)
	return h.compared(c.ID, true), h.Err
}

func (h *Host) VerifyState(context.Context, operator.Caller, operator.None) (bus.VerifyState, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	id := ""
	if n := len(h.Callers); n > 0 {
		id = h.Callers[n-1].ID
	}
	return h.compared(id, false), h.Err
}

func (h *Host) StopVerify(context.Context, operator.Caller, operator.None) (bus.VerifyState, error) {
	return bus.VerifyState{}, operator.ErrRefused
}

func (h *Host) Doctor(context.Context) (operator.Diagnosis, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	return h.Decided.Diagnosis, h.Err
}

func (h *Host) Explain(ctx context.Context) (operator.Explanation, error) {
	if err := h.block(ctx); err != nil {
		return operator.Explanation{}, err
	}
	h.Mu.Lock()
	defer h.Mu.Unlock()
	return h.Decided.Explained, h.Err
}

func (h *Host) Diverged(_ context.Context, _ operator.Caller, q bus.DivergentRequest) (bus.DivergentPage, error) {
	page := bus.DivergentPage{Files: []bus.DivergentFile{{Name: "000001.aside", Reason: "tail of the journal beyond 3/17", Records: 2, First: "3/18", Last: "3/19"}}}
	switch q.File {
	case "":
	case "000001.aside":
		page.Updates = []bus.DivergentUpdate{
			{HistoryUpdate: bus.HistoryUpdate{Position: position.Position{Epoch: 3, Sequence: 18}, Kind: "update", Service: "kv", Keys: []string{"lost key"}}},
			{Unreadable: 77},
		}
	default:
		return page, operator.ErrUsage
	}
	return page, h.Err
}

// Host is a host that holds what a test puts into it. Its clock stands still at one second.
type Host struct {
	Mu       sync.Mutex
	Now      operator.Status
	Holds    lease.Right
	Page     bus.HistoryPage
	Asked    bus.HistoryRequest
	Done     operator.Switchover
	Err      error
	Callers  []operator.Caller
	Blocking chan struct{}
	Logbook
	Decided
	Points   []operator.Point
	Other    operator.Status
	Levels   bus.Levels
	Deferred bool // emissions are held
	// Backed is what it says of the pair's backups, Ordered who makes one now.
	Backed  backups.Overview
	Ordered backups.Ordered

	Operators operator.OperatorList
}

// Clock is the clock of a Host.
func Clock() time.Duration { return time.Second }

// Token is that of an admin, TokenOf that of an operator of each role.
const Token = "a token for tests"

// TokenOf gives the token of an operator with a role.
func TokenOf(role operator.Role) string {
	if role == operator.Administer {
		return Token
	}
	return Token + " of " + string(role)
}

// Gate has an operator of each role, named by it.
func Gate() *access.Gate {
	book := &access.Book{}
	list := accounts.List{}
	for _, role := range operator.Roles() {
		list.Accounts = append(list.Accounts, accounts.Account{Name: string(role), Role: string(role), Digest: accounts.Digest(TokenOf(role))})
	}
	book.Set(list)
	return access.NewGate("a", "", book, time.Now)
}

func (h *Host) Status(context.Context) operator.Status {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	return verdict.Whole(h.Now)
}

func (h *Host) Right() lease.Right { h.Mu.Lock(); defer h.Mu.Unlock(); return h.Holds }

func (h *Host) History(ctx context.Context, _ operator.Caller, r bus.HistoryRequest) (bus.HistoryPage, error) {
	if err := h.block(ctx); err != nil {
		return bus.HistoryPage{}, err
	}
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Asked = r
	return h.Page, h.Err
}

// block waits until the test lets go, if it holds anybody.
func (h *Host) block(ctx context.Context) error {
	if h.Blocking == nil {
		return nil
	}
	select {
	case <-h.Blocking:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Host) Switchover(_ context.Context, c operator.Caller, _ operator.None) (operator.Switchover, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers = append(h.Callers, c)
	return h.Done, h.Err
}

// Registry has what the host answers. A test that wants another answer has it served too: the last one counts.
func (h *Host) Registry() *registry.Registry {
	r := registry.New(context.Background(), alone{}, "", bus.NewRouter(""), &sync.WaitGroup{})
	registry.Answer(r, operator.CallStatus, func(ctx context.Context, c operator.Caller, _ operator.None) (operator.Status, error) {
		return h.Status(ctx).For(c.Person), nil
	})
	registry.Answer(r, operator.CallPeer, registry.Plain(func(ctx context.Context) (operator.Status, error) {
		look, err := h.PeerLook(ctx, time.Time{})
		return look.Status, err
	}))
	registry.Answer(r, operator.CallSeries, registry.Plain(func(context.Context) (operator.Series, error) { return h.Series(time.Time{}), nil }))
	registry.Answer(r, operator.CallHistory, h.History)
	registry.Answer(r, operator.CallDiverged, h.Diverged)
	registry.Answer(r, operator.CallForgetDiverged, func(_ context.Context, c operator.Caller, q bus.ForgetDivergent) (bus.DivergentForgotten, error) {
		h.Mu.Lock()
		defer h.Mu.Unlock()
		h.Callers = append(h.Callers, c)
		return bus.DivergentForgotten{Files: []string{cmp.Or(q.File, "000001.aside")}}, h.Err
	})
	registry.Answer(r, operator.CallEvents, registry.Events(h))
	registry.Answer(r, operator.CallAlarms, registry.Plain(h.Alarms))
	registry.Answer(r, operator.CallAckAlarm, h.AckAlarm)
	registry.Answer(r, operator.CallSwitchover, h.Switchover)
	registry.Answer(r, operator.CallSchedule, h.Schedule)
	registry.Answer(r, operator.CallCancelSchedule, h.CancelSchedule)
	registry.Answer(r, operator.CallPause, h.Pause)
	registry.Answer(r, operator.CallResume, h.Resume)
	registry.Answer(r, operator.CallExplain, registry.Plain(h.Explain))
	registry.Answer(r, operator.CallDoctor, registry.Plain(h.Doctor))
	registry.Answer(r, operator.CallSettings, registry.Plain(func(context.Context) (config.PairSettings, error) { return h.Decided.Settings, h.Err }))
	registry.Answer(r, operator.CallPromotePlan, registry.Plain(h.PromotePlan))
	registry.Answer(r, operator.CallPromote, h.Promote)
	registry.Answer(r, operator.CallAdmit, h.Admit)
	registry.Answer(r, operator.CallTerminals, h.Terminals)
	registry.Answer(r, operator.CallAddTerminals, h.AddTerminals)
	registry.Answer(r, operator.CallRemoveTerminals, h.RemoveTerminals)
	registry.Answer(r, operator.CallProbeTerminals, h.ProbeTerminals)
	registry.Answer(r, operator.CallTerminalTokens, func(_ context.Context, _ operator.Caller, q certificates.TokensRequest) (certificates.TerminalTokens, error) {
		var answer certificates.TerminalTokens
		for _, id := range q.IDs {
			answer.Tokens = append(answer.Tokens, certificates.TerminalToken{ID: id, Address: "nats://10.0.3.7:4223", Token: id + ".shop.tmz4xs.SECRET.ABCD", Until: time.Date(2026, 3, 2, 2, 3, 4, 0, time.UTC)})
		}
		return answer, h.Err
	})
	registry.Answer(r, operator.CallRevokeTerminals, func(_ context.Context, _ operator.Caller, q certificates.RevokeTerminals) (certificates.TerminalsRevoked, error) {
		return certificates.TerminalsRevoked{IDs: q.IDs}, h.Err
	})
	registry.Answer(r, operator.CallRotateReceipts, registry.Plain(func(context.Context) (receipt.Rotated, error) {
		return receipt.Rotated{Made: time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)}, h.Err
	}))
	registry.Answer(r, operator.CallTimers, func(_ context.Context, _ operator.Caller, q agenda.List) (agenda.Listed, error) {
		list := agenda.Listed{Timers: []agenda.Shown{}, Kept: 2, Parked: 1}
		for _, one := range shownTimers() {
			if (q.Service == "" || q.Service == one.Service) && (!q.Parked || one.Parked) && one.Service+"/"+one.Key > q.After {
				list.Timers = append(list.Timers, one)
			}
		}
		return list, h.Err
	})
	for _, o := range []operator.Operation[agenda.Change, agenda.Changed]{operator.CallReleaseTimer, operator.CallDropTimer} {
		registry.Answer(r, o, func(_ context.Context, c operator.Caller, q agenda.Change) (agenda.Changed, error) {
			one := shownTimers()[0]
			one.Service, one.Key = q.Service, q.Key
			return agenda.Changed{ID: c.ID, Timer: one}, h.Err
		})
	}
	registry.Answer(r, operator.CallNotices, func(_ context.Context, _ operator.Caller, q delivery.WaitingQuestion) (delivery.WaitingNotices, error) {
		list := delivery.WaitingNotices{Terminals: []delivery.Recipient{}, Common: delivery.KeptNotices{Total: 12, Kept: 3, Bytes: 768}}
		for _, one := range []delivery.Recipient{
			{ID: "till-1", Own: delivery.KeptNotices{Total: 7}},
			{ID: "till-2", Own: delivery.KeptNotices{Total: 9, Kept: 2, Bytes: 512}, Waiting: 2, WaitingCommon: 3, Oldest: time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)},
		} {
			if (!q.Waiting || one.Waiting > 0) && one.ID > q.After {
				list.Terminals = append(list.Terminals, one)
			}
		}
		return list, h.Err
	})
	h.answerEmissions(r)
	h.answerServices(r)
	registry.Answer(r, operator.CallVerify, h.BeginVerify)
	registry.Answer(r, operator.CallVerifyState, h.VerifyState)
	registry.Answer(r, operator.CallStopVerify, h.StopVerify)
	registry.Answer(r, operator.CallBackups, registry.Plain(func(context.Context) (backups.Overview, error) { return h.Backed, h.Err }))
	registry.Answer(r, operator.CallMakeBackup, registry.Plain(func(context.Context) (backups.Ordered, error) { return h.Ordered, h.Err }))
	registry.Answer(r, operator.CallLevels, registry.Plain(func(context.Context) (bus.Levels, error) { return h.Levels, h.Err }))
	registry.Answer(r, operator.CallRise, registry.Plain(h.Rise))
	h.answerOperators(r)
	return r
}

// Rise says that it rose to what it could.
func (h *Host) Rise(context.Context) (bus.Levels, error) {
	l := h.Levels
	l.Rose, l.Level = h.Err == nil && l.Next > l.Level, max(l.Level, l.Next)
	return l, h.Err
}

// alone is a main that answers everything itself.
type alone struct{}

func (alone) Sender() bus.LinkSender    { return bus.LinkSender{Levels: level.Own(), Host: "a"} }
func (alone) Peer() (bus.Asker, string) { return nil, "" }
func (alone) Runs() (uint64, uint64)    { return 0, 0 }
func (alone) Unproved(string, string)   {}
func (alone) Standby() (bool, bool)     { return false, false }
func (alone) Missing() string           { return "" }

// Series gives what a host that stands still has done: nothing.
func (h *Host) Series(after time.Time) operator.Series {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	s := operator.Series{Host: h.Now.Host, Every: time.Second}
	for _, p := range h.Points {
		if p.Time.After(after) {
			s.Points = append(s.Points, p)
		}
	}
	return s
}

// PeerLook is what the other host says, or that it says nothing.
func (h *Host) PeerLook(_ context.Context, after time.Time) (operator.Look, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	if h.Other.Host == "" {
		return operator.Look{}, fmt.Errorf("%w: b", operator.ErrForward)
	}
	look := operator.Look{Status: verdict.Whole(h.Other)}
	if p := (operator.Point{Time: time.Unix(4, 0), Host: "b", Requests: 9}); p.Time.After(after) {
		look.Points = append(look.Points, p)
	}
	return look, nil
}

// Start runs a server until the test ends.
func Start(t *testing.T, s interface {
	Run(ctx context.Context) error
	Ready() <-chan struct{}
}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		done <- nil
		t.Fatalf("Run: %v", err)
	}
}

func shownTimers() []agenda.Shown {
	due := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	return []agenda.Shown{
		{Service: "tickets", Key: "seat 12A", Operation: "release", Due: due, Parked: true, Why: "the handler fails", Revision: 41, Bytes: 14},
		{Service: "tills", Key: "close", Operation: "close", Due: due.Add(12 * time.Hour), Wall: true, Revision: 40, Bytes: 4},
	}
}
