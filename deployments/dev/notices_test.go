package dev

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestNotices_ShowsWhatOthersAreToldAlone: what all are told is shown once, also when another terminal hears it first; what is for another
// terminal names it.
func TestNotices_ShowsWhatOthersAreToldAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown strings.Builder
		n := newNotices(&screen{to: &shown})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); n.run(ctx) }()
		all, desk := []byte(`{"id":"p-1-7-0","body":{"seat":"A1"}}`), []byte(`{"id":"p-1-8-0","body":{"hook":1}}`)
		n.other("t2", "notice.tickets.seat", all)
		n.other("t3", "notice.tickets.seat", all)
		time.Sleep(apart / 2) // of the bubble
		n.first("notice.tickets.seat", all)
		n.other("t2", "notice.cloakroom.forgotten", desk)
		n.other("t3", "notice.cloakroom.forgotten", desk)
		n.other("t2", "notice.tickets.odd", []byte("no JSON"))
		time.Sleep(2 * apart)                     // likewise
		n.other("t2", "notice.tickets.seat", all) // much later: its agent was away
		time.Sleep(2 * apart)
		stop()
		<-ended
		const want = "notice   tickets.seat {\"seat\":\"A1\"}\n" +
			"notice at t2 alone: cloakroom.forgotten {\"hook\":1}\n" +
			"notice at t3 alone: cloakroom.forgotten {\"hook\":1}\n" +
			"notice at t2 alone: tickets.odd no JSON\n"
		if shown.String() != want {
			t.Errorf("%s\nwant\n%s", shown.String(), want)
		}
	})
}

// TestNotices_KeepsLittle: a service that tells without end costs neither memory nor the way of others.
func TestNotices_KeepsLittle(t *testing.T) {
	n := newNotices(&screen{to: &strings.Builder{}})
	for i := range 2 * mostSeen {
		n.first("notice.a.b", fmt.Appendf(nil, `{"id":"%d"}`, i))
		n.other("t2", "notice.a.b", fmt.Appendf(nil, `{"id":"%d"}`, -i))
	}
	if len(n.seen) != mostSeen || len(n.order) != mostSeen || len(n.waiting) != mostWaiting {
		t.Errorf("%d and %d are remembered, %d wait", len(n.seen), len(n.order), len(n.waiting))
	}
	if n.was("0") || !n.was(fmt.Sprint(2*mostSeen-1)) {
		t.Error("not the oldest ones were forgotten")
	}
}
