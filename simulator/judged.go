package simulator

import (
	"context"
	"fmt"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/boards"
)

// judgeBoards waits until boards have all notices.
func (r *run) judgeBoards(ctx context.Context, list []outcome, v *SeatsVerdict) (unread int) {
	for _, b := range r.told.boards {
		var less, more string
		for {
			b.read(ctx)
			if less, more = compareBoard(b.seats, list); less == "" || b.wrong != nil || b.seats.Gap || b.seats.Trimmed || ctx.Err() != nil {
				break
			}
			_ = pace.Rest(ctx, again) // then it is checked once more
		}
		v.Notices += b.seats.Notices
		switch {
		case b.wrong != nil:
			r.wrongs.add(wrong, "terminal %s was %v", b.name, b.wrong)
		case more != "":
			r.wrongs.add(doubled, "terminal %s was told more often of %s", b.name, more)
		case b.seats.Gap:
			r.wrongs.add(missing, "terminal %s was told that it misses notices", b.name)
		case b.seats.Trimmed:
			unread++
			r.wrongs.note("terminal %s did not keep its notices until they were read", b.name)
		case less != "":
			r.wrongs.add(missing, "terminal %s was told less often of %s", b.name, less)
		default:
			v.Boards++
		}
	}
	return unread
}

// compareBoard names the first seat with too few notices, and the first with too many.
func compareBoard(b *boards.Board, list []outcome) (less, more string) {
	for _, o := range list {
		for _, told := range []struct {
			what      string
			got, want int
		}{{"sold", b.Sold[o.seat], o.sold}, {"released", b.Released[o.seat], o.released}} {
			if told.got == told.want {
				continue
			}
			text := fmt.Sprintf("seat %s that it is %s: %d times instead of %d", o.seat, told.what, told.got, told.want)
			if told.got < told.want && less == "" {
				less = text
			}
			if told.got > told.want && more == "" {
				more = text
			}
		}
	}
	return less, more
}

// judgeAccounting waits until accounting has all emissions.
func (r *run) judgeAccounting(ctx context.Context, list []outcome, v *SeatsVerdict) (unread int) {
	var less, more []string
	for {
		less, more = r.compareAccounting(list)
		if len(less) == 0 || ctx.Err() != nil {
			break
		}
		if v.Deferred = r.deferred(ctx); v.Deferred {
			break
		}
		_ = pace.Rest(ctx, 10*again) // then it is checked once more
	}
	counts := r.told.office.Counts()
	v.Emissions, v.Posts = counts.Taken, counts.Posts
	for _, text := range more {
		r.wrongs.add(doubled, "accounting was told more often of %s", text)
	}
	for _, text := range less {
		if v.Deferred {
			unread++
		} else {
			r.wrongs.add(missing, "accounting was told less often of %s", text)
		}
	}
	wrongs, _ := r.told.office.Wrong()
	for _, text := range wrongs {
		r.wrongs.add(wrong, "%s", text)
	}
	return unread
}

func (r *run) compareAccounting(list []outcome) (less, more []string) {
	for _, o := range list {
		got, free := r.told.office.Seat(o.seat), o.released+o.given
		if !got.Late && got.Free == free && got.Sold == o.sold {
			continue
		}
		text := fmt.Sprintf("seat %s: free %d times and sold %d times, instead of %d and %d", o.seat, got.Free, got.Sold, free, o.sold)
		if got.Late {
			more = append(more, text+", and of something after it was sold")
			continue
		}
		if got.Free < free || got.Sold < o.sold {
			less = append(less, text)
		}
		if got.Free > free || got.Sold > o.sold {
			more = append(more, text)
		}
	}
	return less, more
}
