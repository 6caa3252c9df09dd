package terminalif

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
)

const (
	// askedReceipts is how many receipts one terminal is asked for, as many as an agent keeps, and receiptsBytes bounds its
	// answer before it is decoded.
	askedReceipts = 256
	receiptsBytes = 512 << 10
	// receiptsWithin bounds the wait for one terminal's receipts, askedAtOnce how many are asked at the same time.
	receiptsWithin = time.Second
	askedAtOnce    = 4
	// terminalsAPage bounds the terminals of one order, so that its answer stays far below one message.
	terminalsAPage = bus.MaxAudited / askedReceipts
)

// collect asks the next terminals of the list for their receipts, a few at a time. It is far from the path of requests:
// what it costs a terminal's connection is one message.
func (i *Interface) collect(ctx context.Context, order bus.CollectReceipts) (bus.CollectedReceipts, error) {
	t := i.present()
	if t == nil || t.Epoch != order.Epoch {
		return bus.CollectedReceipts{}, fmt.Errorf("%w: the terminals are not attached in epoch %d", errOrder, order.Epoch)
	}
	var result bus.CollectedReceipts
	var ask []*session
	most := min(max(order.Terminals, 1), terminalsAPage)
	at := max(order.From, 0)
	sessions := i.roster.all()
	for ; at < len(sessions) && len(ask) < most; at++ {
		if sessions[at].toAudit(order) {
			ask = append(ask, sessions[at])
		}
	}
	if at < len(sessions) {
		result.Next = at
	}
	result.Asked = len(ask)
	result.GapWorst, result.GapMedian, result.Felt = i.gaps()

	var keys receipt.Keys
	if known := i.receiptKeys.Load(); known != nil {
		keys = *known
	}
	signer := receipt.New(keys)
	var mu sync.Mutex
	var asking sync.WaitGroup
	slots := make(chan struct{}, askedAtOnce)
	for _, s := range ask {
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			got, err := s.receipts(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.log.Warn("terminal returns no receipts", "epoch", t.Epoch, "error", err)
				result.Silent++
				return
			}
			own, foreign := signer.Recognise(t.PairID, s.id, got)
			result.Receipts = append(result.Receipts, own...)
			result.Foreign += foreign
			if foreign > 0 {
				s.log.Warn("terminal returns receipts that this pair did not issue", "epoch", t.Epoch, "receipts", foreign)
			}
		})
	}
	asking.Wait()
	i.changes.Add(1)
	return result, nil
}

// toAudit reports whether an audit is to ask the terminal, and notes that it does. The same order again asks the same ones.
func (s *session) toAudit(order bus.CollectReceipts) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.State != stateAttached || order.Late && s.audit != 0 && s.audit != order.Audit {
		return false
	}
	s.audit = order.Audit
	return true
}

// errReceipts says that a terminal sent invalid receipts.
var errReceipts = errors.New("not receipts")

// receipts asks the terminal for those of the time before its last attach.
func (s *session) receipts(ctx context.Context) ([]bus.Receipt, error) {
	conn := s.warm()
	if conn == nil {
		return nil, bus.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(ctx, receiptsWithin)
	defer cancel()
	question := bus.EncodeJSON(bus.ReceiptsRequest{Limit: askedReceipts, BeforeAttach: true})
	reply, err := conn.Request(ctx, bus.SubjectAgentReceipts, question)
	if err != nil {
		return nil, err
	}
	if len(reply.Data) > receiptsBytes {
		return nil, fmt.Errorf("%w: %s bytes", errReceipts, strconv.Itoa(len(reply.Data)))
	}
	var answer bus.Receipts
	if err := bus.DecodeJSON(reply.Data, &answer); err != nil {
		return nil, fmt.Errorf("%w: %w", errReceipts, err)
	}
	return answer.Receipts[max(0, len(answer.Receipts)-askedReceipts):], nil
}

// gaps sums up what the attached terminals say they felt at their last attach. A terminal where nothing waited felt
// nothing.
func (i *Interface) gaps() (worst, median time.Duration, felt int) {
	var all []time.Duration
	for _, s := range i.roster.all() {
		s.mu.Lock()
		if s.status.State == stateAttached && s.gap > 0 {
			all = append(all, s.gap)
		}
		s.mu.Unlock()
	}
	if len(all) == 0 {
		return 0, 0, 0
	}
	slices.Sort(all)
	return all[len(all)-1], all[len(all)/2], len(all)
}
