package load

import (
	"context"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/accounting"
)

// accountingWithin is how long accounting may take to get everything after healing: its target may be resting since
// its last failure.
const accountingWithin = 2 * time.Minute

// openAccounting makes accounting the target of service tickets.
func (w *Load) openAccounting(ctx context.Context) (err error) {
	if w.config.Accounting == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	if w.office, err = w.config.Accounting(ctx, w.config.Name+"-"); err != nil {
		return err
	}
	c := w.clients[Clients-readers-halls]
	a := c.do(ctx, request{service: hallService, operation: "account", body: tickets.Account{Target: accounting.Target}, id: c.newID()})
	if a.outcome != definite || a.code != bus.CodeOK {
		return fmt.Errorf("have accounting told: %d %s", a.code, a.message)
	}
	return nil
}

// readAccounting reads accounting's entries of the seats until they match the outcomes. It returns the number of
// entries.
func (w *Load) readAccounting(ctx context.Context) (entries int) {
	if w.office == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, accountingWithin)
	defer cancel()
	for _, r := range w.reservations {
		for {
			got := w.office.Seat(r.seat)
			missing, doubled := r.compareEntries(got)
			if doubled != "" {
				w.findings.Doubled = append(w.findings.Doubled, doubled)
			}
			if doubled != "" || missing == "" {
				if got.Late {
					w.wrong("accounting was told of something after seat %s was sold", r.seat)
				}
				entries += got.Free + got.Sold
				break
			}
			if pace.Rest(ctx, again) == nil {
				continue
			}
			w.findings.Lost = append(w.findings.Lost, missing)
			break
		}
	}
	list, _ := w.office.Wrong()
	for _, text := range list {
		w.wrong("%s", text)
	}
	return entries
}

// compareEntries compares accounting's entries of a seat with its outcome.
func (r *reservation) compareEntries(got accounting.Seat) (missing, doubled string) {
	free, sold := r.released, 0
	if r.given {
		free++
	}
	if r.sold {
		sold++
	}
	if got.Free > free || got.Sold > sold {
		doubled = fmt.Sprintf("accounting was told %d times that seat %s is free, and %d times that it is sold, instead of %d and %d", got.Free, r.seat, got.Sold, free, sold)
	}
	if got.Free < free || got.Sold < sold {
		missing = fmt.Sprintf("accounting was told only %d times that seat %s is free, and %d times that it is sold, instead of %d and %d", got.Free, r.seat, got.Sold, free, sold)
	}
	return missing, doubled
}
