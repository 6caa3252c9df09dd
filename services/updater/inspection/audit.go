package inspection

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// auditExamples bounds the missing receipts that one answer names.
const auditExamples = 8

// archive is what the audit looks receipts up in: all that this host would answer from. *storage.Store is one.
type archive interface {
	EntryAt(sequence uint64) (history.Stored, error)
	View(func(*storage.Reader) error) error
}

// verdictOfAudit is what became of an acknowledged update.
type verdictOfAudit uint8

const (
	auditPresent    verdictOfAudit = iota
	auditMissing                   // it should be there, and is not
	auditUnprovable                // nothing that is still kept can say
)

// audit answers bus.AuditReceipts: it looks up, one by one and in short views, what terminals were told is stored. A page
// takes some milliseconds, beside the frames.
func (i *Inspector) audit(_ context.Context, q bus.AuditReceipts) (bus.AuditedReceipts, error) {
	if err := i.config.Updater.Serves(q.Epoch); err != nil {
		return bus.AuditedReceipts{}, err
	}
	if len(q.Receipts) > bus.MaxAudited {
		return bus.AuditedReceipts{}, fmt.Errorf("%w: %d receipts at once, at most %d", bus.ErrRefused, len(q.Receipts), bus.MaxAudited)
	}
	result, err := auditReceipts(i.config.Store, q.Receipts)
	if result.Missing > 0 {
		i.config.Log.Error("acknowledged updates are missing", "epoch", q.Epoch, "missing", result.Missing, "examples", result.Examples)
	}
	return result, err
}

func auditReceipts(a archive, receipts []bus.AuditReceipt) (result bus.AuditedReceipts, err error) {
	for _, r := range receipts {
		v, err := auditOne(a, r)
		if err != nil {
			return result, err
		}
		switch v {
		case auditPresent:
			result.Present++
		case auditUnprovable:
			result.Unprovable++
		case auditMissing:
			result.Missing++
			if len(result.Examples) < auditExamples {
				result.Examples = append(result.Examples, r)
			}
		}
	}
	return result, nil
}

// auditOne looks an acknowledged update up by its position, in bolt or in what is committed and not applied yet, and
// by its request where the history no longer reaches. The error says that nothing can be looked up.
func auditOne(a archive, r bus.AuditReceipt) (verdictOfAudit, error) {
	id := history.RequestID{Terminal: r.Terminal, Counter: r.Counter, App: r.App}
	entry, err := a.EntryAt(r.Position.Sequence)
	switch e := &entry.Entry; {
	case errors.Is(err, storage.ErrTrimmed):
		return auditAnswer(a, id, r.Position)
	case errors.Is(err, storage.ErrAbsent), errors.Is(err, storage.ErrDamaged):
		return auditMissing, nil
	case err != nil:
		return auditMissing, fmt.Errorf("look up %v: %w", r.Position, err)
	case e.Position != r.Position:
		return auditMissing, nil
	case e.Request == id:
		return auditPresent, nil
	case e.Request.IsZero() && e.Kind == history.KindUpdate:
		// A service of another language may commit without the request's id: then nothing ties the two together.
		return auditUnprovable, nil
	}
	return auditMissing, nil
}

// auditAnswer is for what the history no longer reaches. An answer that is not kept proves nothing: it may have been
// forgotten, or the service never recorded one.
func auditAnswer(a archive, id history.RequestID, at position.Position) (v verdictOfAudit, err error) {
	err = a.View(func(r *storage.Reader) error {
		_, recorded, known := r.Answer(id)
		switch {
		case known != storage.Found:
			v = auditUnprovable
		case recorded == at:
			v = auditPresent
		default:
			v = auditMissing
		}
		return nil
	})
	if errors.Is(err, storage.ErrDamaged) {
		return auditMissing, nil
	}
	return v, err
}
