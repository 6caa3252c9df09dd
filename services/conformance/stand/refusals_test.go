package stand

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/hotpair/hotpair/bus"
)

// Whatever subject of its name a program is refused at, it is known by it.
func TestAnnounced_AtEachSubject(t *testing.T) {
	for _, subject := range []string{"business.shop.sell", bus.BatchSubject("shop"), bus.DatabaseSubject("shop", "read"), "$SRV.INFO.shop", "heartbeat.business.shop"} {
		s := &Stand{}
		slog.New(&s.refused).Error("refused", "error", fmt.Sprintf("Subscription Violation - Subject %q", subject))
		if got := s.Announced(); got != "shop" {
			t.Errorf("%s: announced as %q", subject, got)
		}
	}
}
