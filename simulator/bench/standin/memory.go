package standin

import (
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// paceOver is the length of one of the two stretches over which requests are counted, as at an agent.
	paceOver = 5 * time.Second
	// keptReceipts is how many an agent keeps.
	keptReceipts = 256
)

// pace counts the requests of the last seconds: hosts attach the busiest terminals first.
type pace struct {
	began         time.Time // of the present stretch
	before, since int
}

func (p *pace) note(now time.Time) {
	p.turn(now)
	p.since++
}

func (p *pace) recent(now time.Time) int {
	p.turn(now)
	return p.before + p.since
}

// turn begins another stretch when the present one is over.
func (p *pace) turn(now time.Time) {
	switch over := now.Sub(p.began); {
	case over >= 2*paceOver:
		p.began, p.before, p.since = now, 0, 0
	case over >= paceOver:
		p.began, p.before, p.since = p.began.Add(paceOver), p.since, 0
	}
}

// receipts are the last acknowledgements, for the audit after a takeover: those before the last attach, and those since.
type receipts struct{ before, since []bus.Receipt }

func (r *receipts) add(one bus.Receipt) {
	if len(r.since) == 2*keptReceipts { // seldom, so that it costs little
		r.since = append(r.since[:0], r.since[keptReceipts:]...)
	}
	r.since = append(r.since, one)
}

func (r *receipts) attached() { r.before, r.since = newest(r.all(), keptReceipts), nil }

func (r *receipts) all() []bus.Receipt {
	return append(r.before[:len(r.before):len(r.before)], r.since...)
}

func (r *receipts) asked(ask bus.ReceiptsRequest) bus.Receipts {
	list := r.before
	if !ask.BeforeAttach {
		list = newest(r.all(), keptReceipts)
	}
	if ask.Limit > 0 {
		list = newest(list, ask.Limit)
	}
	return bus.Receipts{Receipts: list}
}

func newest(all []bus.Receipt, limit int) []bus.Receipt { return all[max(0, len(all)-limit):] }
