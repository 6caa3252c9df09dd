package standin

import "github.com/hotpair/hotpair/bus"

// keptReceipts is how many an agent keeps.
const keptReceipts = 256

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
