package world

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/courier/receivertest"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// box is a hall whose accounting is told of what is sold.
type box struct {
	*hall
	accounting *receivertest.Receiver
	end        func()
	broken     atomic.Bool // no courier starts
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{}
	r, dial, end := receivertest.InMemory(t)
	w, err := New(Options{
		Dir: t.TempDir(), Terminals: terminals, Lease: 5 * time.Second, Patience: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
		Services: map[string]business.Service{tickets.Name: tickets.Service()}, Post: dial,
		Courier: func() error {
			if b.broken.Load() {
				return errors.New("it is broken")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	b.hall, b.accounting, b.end = &hall{clocked: &clocked{w, t}}, r, end
	b.paired()
	if b.app, err = w.application("hall", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := operator.CallSetTarget.Ask(t.Context(), b.client(), waybill.SetTarget{Name: "accounting", New: true, URL: r.URL, Secret: receivertest.Secret}); err != nil {
		t.Fatal(err)
	}
	b.ask("account", tickets.Account{Target: "accounting"}, &tickets.Account{})
	b.awaitTaken(1)
	return b
}

func (b *box) close() {
	b.hall.close()
	b.end()
}

func (b *box) client() *operator.Client { return b.clients[b.active()] }

func (b *box) sell(seat int, operation string) {
	b.t.Helper()
	var s tickets.Seat
	b.ask(operation, tickets.Request{Seat: fmt.Sprint(seat), Customer: "ann"}, &s)
}

func (b *box) awaitTaken(n int) {
	b.t.Helper()
	b.await(10*time.Minute, fmt.Sprintf("%d are taken", n), func() bool { return len(b.accounting.Taken()) >= n })
	if got := len(b.accounting.Taken()); got > n {
		b.t.Fatalf("%d are taken, of %d", got, n)
	}
}

func (b *box) awaitAlarm(id string, raised bool) {
	b.t.Helper()
	b.await(20*time.Minute, fmt.Sprintf("alarm %s %t", id, raised), func() bool { return b.alarmed(b.active(), id) == raised })
}

// TestEmissions_OfAPair: what is emitted is taken once, and in order within its lane, over a takeover, kills of every process that has to do
// with it, and a switchover.
func TestEmissions_OfAPair(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t)
		defer b.close()
		const many = 8
		taken := 1
		b.reserve(many, time.Hour)
		for n := range many {
			b.sell(n, "give")
			b.sell(n, "sell")
			taken += 2
			if n%2 == 0 { // its answer is lost just then
				b.accounting.Next(receivertest.Half)
			}
			switch n {
			case 2:
				first := b.active()
				b.kill(first)
				b.Host(first).Start()
				b.paired()
			case 3:
				b.Host(b.active()).KillProcess("updater")
			case 4:
				b.Host(b.active()).KillProcess("courier")
			case 5:
				if _, err := operator.CallSwitchover.Ask(t.Context(), b.client(), operator.None{}); err != nil {
					t.Fatal(err)
				}
				b.paired()
			}
		}
		b.awaitTaken(taken)
		for n := range many {
			var events []string
			for _, one := range b.accounting.Taken() {
				if one.Lane == fmt.Sprint(n) {
					events = append(events, one.Body)
				}
			}
			want := []string{fmt.Sprintf(`{"event":"free","seat":"%d","customer":"ann"}`, n), fmt.Sprintf(`{"event":"sold","seat":"%d","customer":"ann"}`, n)}
			if !slices.Equal(events, want) {
				t.Errorf("seat %d: %v", n, events)
			}
		}
		b.await(time.Minute, "nothing waits", func() bool {
			s, err := b.Status(t.Context(), b.active())
			return err == nil && s.Emissions.Waiting == 0 && s.Emissions.Targets == 1
		})
	})
}

// TestEmissions_ParkedUntilAnOperatorSaysSo: what the target refuses for good blocks its lane and no other. It is released in its place.
func TestEmissions_ParkedUntilAnOperatorSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t)
		defer b.close()
		b.accounting.Next(receivertest.Code(http.StatusConflict))
		b.sell(0, "sell")
		b.awaitAlarm(alarms.EmissionsParked, true)
		b.sell(1, "sell")
		b.awaitTaken(2)
		first := b.active()
		b.kill(first)
		b.Host(first).Start()
		b.paired()
		list, err := operator.CallEmissions.Ask(t.Context(), b.client(), waybill.ListEmissions{Limit: 10})
		if err != nil || len(list.Emissions) != 1 || list.Emissions[0].Lane != "0" || !list.Emissions[0].Blocks || !strings.Contains(list.Emissions[0].Why, "409") {
			t.Fatalf("%+v, %v", list, err)
		}
		if _, err := operator.CallReleaseEmission.Ask(t.Context(), b.client(), waybill.ChangeEmissions{Target: "accounting", Lane: "7"}); !errors.Is(err, operator.ErrRefused) {
			t.Errorf("what is not there was released: %v", err)
		}
		if done, err := operator.CallReleaseEmission.Ask(t.Context(), b.client(), waybill.ChangeEmissions{Target: "accounting", Lane: "0"}); err != nil || done.Count != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		b.awaitTaken(3)
		b.awaitAlarm(alarms.EmissionsParked, false)
		if _, err := operator.CallRemoveTarget.Ask(t.Context(), b.client(), waybill.RemoveTarget{Name: "accounting"}); err != nil {
			t.Error(err)
		}
		if reply, err := b.app.Request("request.tickets.sell", []byte(`{"seat":"5","customer":"ann"}`), time.Minute); err != nil || reply.Header.Get("Nats-Service-Error-Code") != "404" {
			t.Errorf("to a target that is gone: %v, %v", reply, err)
		}
	})
}

// TestEmissions_DeferredAfterAForcedPromotion: what the other host may have sent is not sent again before an operator has said so.
func TestEmissions_DeferredAfterAForcedPromotion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t)
		defer b.close()
		b.accounting.Always(receivertest.Code(http.StatusServiceUnavailable))
		if b.active() != pair.HostA {
			t.Fatal("a does not serve")
		}
		b.sell(0, "sell")
		b.forced()
		b.paired()
		b.accounting.Always(nil)
		b.awaitAlarm(alarms.EmissionsDeferred, true)
		before := b.accounting.Posts()
		b.sell(1, "sell")
		if time.Sleep(2 * time.Minute); b.accounting.Posts() != before {
			t.Error("what is held was sent")
		}
		first := b.active()
		b.kill(first) // whoever serves next holds it too
		b.Host(first).Start()
		b.paired()
		b.awaitAlarm(alarms.EmissionsDeferred, true)
		if time.Sleep(time.Minute); b.accounting.Posts() != before {
			t.Error("what is held was sent")
		}
		if _, err := operator.CallReleaseDeferred.Ask(t.Context(), b.client(), operator.None{}); err != nil {
			t.Fatal(err)
		}
		b.awaitTaken(3)
		b.awaitAlarm(alarms.EmissionsDeferred, false)
	})
}

// TestEmissions_OfATargetThatFails: it is told after a while, nothing is lost, and it is tried seldom.
func TestEmissions_OfATargetThatFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t)
		defer b.close()
		b.accounting.Always(receivertest.Code(http.StatusBadGateway))
		const many = 20
		for n := range many {
			b.sell(n, "sell")
		}
		time.Sleep(4 * time.Minute)
		if b.alarmed(b.active(), alarms.TargetFailing) {
			t.Error("it is told before long")
		}
		b.awaitAlarm(alarms.TargetFailing, true)
		posts := b.accounting.Posts()
		if time.Sleep(2 * time.Minute); b.accounting.Posts()-posts > 2 {
			t.Errorf("%d posts in two minutes", b.accounting.Posts()-posts)
		}
		b.accounting.Always(nil)
		no := false
		if _, err := operator.CallSetTarget.Ask(t.Context(), b.client(), waybill.SetTarget{Name: "accounting", Skip: &no}); err != nil { // tried at once
			t.Fatal(err)
		}
		b.awaitTaken(many + 1)
		b.awaitAlarm(alarms.TargetFailing, false)
	})
}

// TestEmissions_WithoutACourier: a host serves without one, and says so. The other host sends.
func TestEmissions_WithoutACourier(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t)
		defer b.close()
		first := b.active()
		b.broken.Store(true)
		b.Host(first).KillProcess("courier")
		b.sell(0, "sell")
		b.awaitAlarm(alarms.CourierDown, true)
		if _, err := operator.CallSwitchover.Ask(t.Context(), b.client(), operator.None{}); err != nil {
			t.Fatal(err)
		}
		b.paired()
		b.awaitTaken(2)
		b.awaitAlarm(alarms.CourierDown, false)
		b.broken.Store(false)
	})
}
