package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
)

// errRight says that the right to answer is over.
var errRight = errors.New("this host has no right to answer at the moment")

// step does what is due now, and returns when to look again.
func (d *Delivery) step(ctx context.Context) time.Duration {
	next := reportEvery
	for _, do := range []func(context.Context) time.Duration{d.roster, d.begin, d.read, d.report} {
		if wait := do(ctx); wait > 0 {
			next = min(next, wait)
		}
	}
	return next
}

// roster tells the updater which terminals there are.
func (d *Delivery) roster(ctx context.Context) time.Duration {
	d.mu.Lock()
	listed := d.listed
	d.mu.Unlock()
	if !listed {
		return 0
	}
	if wait := time.Until(d.rosterRest); wait > 0 {
		return wait
	}
	d.mu.Lock()
	d.listed = false
	d.mu.Unlock()
	ids, revision := d.Roster()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	err := d.Updater.Roster(ctx, Roster{Epoch: d.Epoch, IDs: ids, Revision: revision})
	if err == nil {
		return 0
	}
	d.Log.Debug("the updater does not accept the list of terminals", "error", err)
	d.mu.Lock()
	d.listed = true
	d.mu.Unlock()
	d.rosterRest = time.Now().Add(time.Second)
	return time.Second
}

// waiting returns recipients that may have new notices, and the first end of the others' pauses.
func (d *Delivery) waiting(which func(*recipient) bool) (list []*recipient, rest time.Duration) {
	now := time.Now()
	for _, r := range d.recipients {
		if !r.due || r.sending || !which(r) {
			continue
		}
		if wait := r.rest.Sub(now); wait > 0 {
			if rest == 0 || wait < rest {
				rest = wait
			}
			continue
		}
		list = append(list, r)
	}
	return list, rest
}

// begin finds out where the notices of terminals continue.
func (d *Delivery) begin(ctx context.Context) time.Duration {
	list, next := d.waiting(func(r *recipient) bool { return r.sender == nil })
	for part := range slices.Chunk(list, MostBegun) {
		q := Begin{Epoch: d.Epoch}
		for _, r := range part {
			q.IDs = append(q.IDs, r.id)
		}
		within, cancel := context.WithTimeout(ctx, askWithin)
		a, err := d.Updater.Begin(within, q)
		cancel()
		if err != nil || len(a.Terminals) != len(part) {
			d.Log.Debug("the updater does not return the positions of terminals", "error", err)
			return askPause
		}
		for i, r := range part {
			if wait := d.resume(r, a.History, a.Terminals[i]); wait > 0 && (next == 0 || wait < next) {
				next = wait
			}
		}
	}
	return next
}

// resume lets the notices of a terminal continue.
func (d *Delivery) resume(r *recipient, h notices.History, k Known) (wait time.Duration) {
	if d.spoil(r, notices.Own, k.Unreadable); k.Unreadable != "" {
		r.rest = time.Now().Add(longestRest)
		return longestRest
	}
	if !k.Known { // it will be, with the list of terminals
		r.rest = time.Now().Add(time.Second)
		d.mu.Lock()
		d.listed = true
		d.mu.Unlock()
		return time.Second
	}
	resumed, err := notices.Resume(h, k.Begin, r.cursor)
	switch {
	case errors.Is(err, notices.ErrDeposed): // it follows another term by now
		r.due = false
		return 0
	case err != nil: // the read is older than the terminal's notices
		return d.failed(r)
	}
	r.sender, r.resumed, r.had = notices.NewSender(notices.DefaultWindow, resumed.Cursor, k.Had), &resumed, k.Had
	if resumed.Void != nil {
		r.diverged = true
		d.Log.Warn("a terminal has notices that the pair lost: a host was promoted by force, or the pair was restored", "terminal", r.id,
			"from", resumed.Void.From, "to", resumed.Void.To)
	}
	return 0
}

// read reads the notices that terminals lack, together for those at the same place of the common stream, and sends
// them.
func (d *Delivery) read(ctx context.Context) time.Duration {
	list, next := d.waiting(func(r *recipient) bool { return r.sender != nil })
	slices.SortFunc(list, func(a, b *recipient) int {
		return cmp.Or(cmp.Compare(min(a.failures, 1), min(b.failures, 1)), a.sender.After(notices.Common).Compare(b.sender.After(notices.Common)), cmp.Compare(a.id, b.id))
	})
	for len(list) > 0 {
		// What is on its way comes back, and wakes. Those that took nothing last get a part of the room, or they would keep it from all.
		if !d.Right() || d.out >= mostOut || list[0].failures > 0 && d.out >= mostOut/4 {
			return askPause
		}
		at, n := list[0].sender.After(notices.Common), 1
		for n < min(len(list), MostRead) && min(list[n].failures, 1) == min(list[0].failures, 1) && list[n].sender.After(notices.Common) == at {
			n++
		}
		q := Read{Epoch: d.Epoch, Common: at}
		for _, r := range list[:n] {
			q.Terminals = append(q.Terminals, Place{r.id, r.sender.After(notices.Own)})
		}
		within, cancel := context.WithTimeout(ctx, askWithin)
		v, err := d.Updater.Read(within, q)
		cancel()
		if err != nil || len(v.Own) == 0 || len(v.Own) > n {
			d.Log.Debug("the updater does not return notices", "error", err)
			return askPause
		}
		if !d.Right() { // it must hold after the last read that what leaves rests on (R6)
			return askPause
		}
		for i := range v.Own {
			d.give(ctx, list[i], &v.Common, &v.Own[i])
		}
		list = list[len(v.Own):]
	}
	return next
}

// give sends a terminal what was read.
func (d *Delivery) give(ctx context.Context, r *recipient, common, own *Page) {
	var v notices.View
	v[notices.Own], v[notices.Common] = own.Page, common.Page
	unreadable := own.Unreadable+common.Unreadable != ""
	d.spoil(r, notices.Own, own.Unreadable)
	d.spoil(r, notices.Common, common.Unreadable)
	messages, err := r.sender.Next(v)
	if err != nil {
		d.Log.Error("stored notices can't be sent", "terminal", r.id, "error", err)
		r.sender = nil
		d.failed(r)
		return
	}
	r.due = false
	if len(messages) == 0 && (r.resumed == nil || r.resumed.Void == nil) {
		if r.due = own.More || common.More; r.due { // too many discarded notices were passed over
			r.rest = time.Now().Add(askPause)
		} else if r.due = unreadable; r.due {
			r.rest = time.Now().Add(longestRest)
		} else { // it has all there is, whatever it was that failed
			r.failures = 0
		}
		return
	}
	b := notice.Batch{Epoch: d.Epoch, Resume: r.resumed}
	r.resumed = nil
	o := outcome{r: r}
	for _, m := range messages {
		w := notice.Message{Message: m}
		if m.Gap == (notices.Gap{}) {
			w.Content = contentOf(m, own, common)
			o.bytes += m.Notice.Size
			o.sent++
		} else {
			o.gone += m.Gap.Missing
			d.Log.Warn("a terminal misses notices: they were discarded, too many or too old, before it received them", "terminal", r.id, "missing", m.Gap.Missing)
		}
		b.Messages = append(b.Messages, w)
	}
	r.more = own.More || common.More || o.sent < len(own.Kept)+len(common.Kept) || unreadable
	d.out += o.bytes
	r.sending = true
	d.sends.Go(func() {
		within, cancel := context.WithTimeout(ctx, storeWithin)
		defer cancel()
		if !d.Right() {
			o.err = errRight
		} else if o.said, o.err = r.send(within, b); o.err == nil && o.said.Why == "" && len(messages) > 0 && o.said.Serial != messages[len(messages)-1].Serial {
			o.err = fmt.Errorf("%w: stored up to %d of %d", notices.ErrConfirm, o.said.Serial, messages[len(messages)-1].Serial)
		}
		select {
		case d.stored <- o:
		case <-ctx.Done():
		}
	})
}

// spoil records the unreadable part of a stream, and logs it if it is new.
func (d *Delivery) spoil(r *recipient, stream notices.Stream, why string) {
	if r.spoiled[stream] == why {
		return
	}
	r.spoiled[stream] = why
	switch {
	case why == "":
	case stream == notices.Own:
		d.Log.Error("a stored notice to a terminal can't be read; later notices to that terminal are blocked, other terminals continue", "terminal", r.id, "error", why)
	case why != d.spoiled: // once for all terminals
		d.spoiled = why
		d.Log.Error("a stored notice to all terminals can't be read; later notices to all terminals are blocked", "error", why)
	}
}

// contentOf finds what a notice says.
func contentOf(m notices.Message, own, common *Page) notice.Content {
	p := own
	if m.Stream == notices.Common {
		p = common
	}
	at, found := slices.BinarySearchFunc(p.Kept, m.Notice.Number, func(n notices.Notice, to notices.Number) int { return n.Number.Compare(to) })
	if !found || at >= len(p.Contents) {
		return notice.Content{}
	}
	return p.Contents[at]
}

// report has noted, now and then, what terminals have.
func (d *Delivery) report(ctx context.Context) time.Duration {
	every := reportEvery
	if d.unreported > reportBytes {
		every = reportSoon
	}
	if wait := time.Until(d.reported.Add(every)); wait > 0 {
		return wait
	}
	d.reported, d.unreported = time.Now(), 0
	var list []Had
	var of []*recipient
	for _, r := range d.recipients {
		if r.sender != nil && r.sender.Confirmed() != r.had {
			list, of = append(list, Had{r.id, r.sender.Confirmed()}), append(of, r)
		}
	}
	for part := range slices.Chunk(list, mostReported) {
		within, cancel := context.WithTimeout(ctx, askWithin)
		err := d.Updater.Had(within, Report{Epoch: d.Epoch, Had: part})
		cancel()
		if err != nil {
			d.Log.Debug("positions of terminals could not be recorded", "error", err)
			return reportEvery
		}
		for i := range part {
			of[i].had = part[i].Had
		}
		of = of[len(part):]
	}
	return reportEvery
}

// mostReported bounds the terminals of one report.
const mostReported = 512
