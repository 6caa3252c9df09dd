package updater

import (
	"encoding/hex"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
)

const (
	historyDefault = 50
	historyMost    = 1000
	// historyBytes bounds the keys of one page, which is one message; a page always has at least one update.
	historyBytes = 2 << 20
)

// history gives a page of the update history database (figures 16 and 26): every update with whether the other host
// was told (P14).
func history(s *storage.Store, q bus.HistoryRequest) bus.HistoryPage {
	limit := q.Limit
	if limit <= 0 {
		limit = historyDefault
	}
	limit = min(limit, historyMost)
	page := bus.HistoryPage{First: s.First(), Last: s.Committed().Position.Sequence, Updates: []bus.HistoryUpdate{}}
	from := q.From
	if from == 0 && page.Last > uint64(limit) {
		from = page.Last - uint64(limit) + 1
	}
	from = max(from, page.First)
	entries, err := s.Entries(from, limit, historyBytes)
	if errors.Is(err, storage.ErrTrimmed) {
		// It was trimmed between the two looks; what is left begins later.
		page.First = s.First()
		entries, err = s.Entries(page.First, limit, historyBytes)
	}
	if err != nil {
		page.Error = err.Error()
		return page
	}
	notified := s.Notified()
	for i := range entries {
		e := &entries[i].Entry
		u := bus.HistoryUpdate{
			Position: e.Position, Time: time.Unix(0, e.Time).UTC(), Kind: e.Kind.String(), Host: e.Host, Service: e.Space,
			Notified: e.Position.Sequence <= notified.Sequence, Digest: entries[i].Digest.String(),
		}
		if !e.Request.IsZero() {
			u.Request = e.Request.String()
		}
		for _, f := range e.Effects {
			u.Keys = append(u.Keys, shownKey(f.Key))
		}
		page.Updates = append(page.Updates, u)
	}
	return page
}

// shownKey is a key as people can read it: text as it is, anything else in hexadecimal.
func shownKey(key []byte) string {
	if utf8.Valid(key) {
		return string(key)
	}
	return "0x" + hex.EncodeToString(key)
}
