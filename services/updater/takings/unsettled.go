package takings

import (
	"bytes"

	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/history"
)

// Unsettled gives commands that were late, or of which nobody knows what came of them, and that are kept still, from the place after in their
// order; nil is the first. next is where to go on; nil: that is all.
func Unsettled(r leaving.Reader, now int64, after []byte) (list []Moved, next []byte) {
	walked := 0
	for it := range r.Each(history.OutboxSpace, []byte(order), after) {
		if walked++; walked > leaving.MostWalked {
			return list, next
		}
		next = bytes.Clone(it.Key)
		at, id, n, err := ordered(it.Key)
		if it.Revision == 0 || err != nil {
			continue
		}
		if at > now+int64(commands.Kept) { // what was settled until now is due before
			return list, nil
		}
		var s stored
		if there, err := read(leaving.Committed{Reader: r}, entryKey(id, n), &s); err != nil || !there {
			continue
		}
		if s.State == commands.Unknown || s.State == commands.Late {
			list = append(list, s.moved(id, *s.command(n)))
		}
	}
	return list, nil
}
