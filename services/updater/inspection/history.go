package inspection

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

const (
	historyDefault = 50
	historyMost    = 1000
	// historyBytes bounds the keys of one page, which is one message; a page always has at least one update.
	historyBytes = 2 << 20
	// historyBlock and historyBlocks bound what one question about a key looks at: some 100 ms.
	historyBlock  = 1000
	historyBlocks = 20
	// searchLook is how many updates are looked at before a rest: some half a millisecond. What an update takes of this process on its way
	// waits as long for a processor, at several places.
	searchLook = 100
	// searchBytes is how much of the history is in memory at once while one looks for a key.
	searchBytes = 4 << 20
	// searchMost is how long one question may look before it says where to go on, rests not counted.
	searchMost = 200 * time.Millisecond
)

// historyPage gives a page of the update history database: every update with whether the other host
// was told.
func historyPage(ctx context.Context, s *storage.Store, q bus.HistoryRequest) (bus.HistoryPage, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = historyDefault
	}
	limit = min(limit, historyMost)
	if q.Key != "" || q.Service != "" {
		return historyOf(ctx, s, q, limit, pace.Rest)
	}
	page := bus.HistoryPage{First: s.First(), Last: s.Committed().Position.Sequence, Updates: []bus.HistoryUpdate{}}
	from := q.From
	if end := page.Last + 1; from == 0 {
		if q.Before > 0 {
			end = min(end, q.Before)
		}
		from = max(page.First, end-min(uint64(limit), end))
		if from >= end {
			return page, nil
		}
		limit = int(end - from)
	}
	from = max(from, page.First)
	entries, err := s.Entries(from, limit, historyBytes)
	if errors.Is(err, storage.ErrTrimmed) {
		// It was trimmed between the two looks; what is left begins later.
		page.First = s.First()
		entries, err = s.Entries(page.First, limit, historyBytes)
	}
	if err != nil {
		return page, err
	}
	notified := s.Notified()
	for i := range entries {
		u := shownUpdate(&entries[i].Entry)
		u.Notified, u.Digest = u.Position.Sequence <= notified.Sequence, entries[i].Digest.String()
		page.Updates = append(page.Updates, u)
	}
	return page, nil
}

// shownUpdate is an entry for people, without what depends on the host.
func shownUpdate(e *history.Entry) bus.HistoryUpdate {
	u := bus.HistoryUpdate{Position: e.Position, Time: time.Unix(0, e.Time).UTC(), Kind: e.Kind.String(), Host: e.Host, Service: e.Space}
	if !e.Request.IsZero() {
		u.Request = e.Request.String()
	}
	for _, f := range e.Effects {
		u.Keys = append(u.Keys, shownKey(f.Key))
	}
	return u
}

// historyOf gives the updates of one key, or of one service: forwards from a place, or the last ones before one. It looks at
// a bounded part of the history, in short views, and says where to go on. Between two views it rests as long as the last one took, so that
// updates have the disk and the processor at least half of the time.
func historyOf(ctx context.Context, s *storage.Store, q bus.HistoryRequest, limit int, rest func(context.Context, time.Duration) error) (bus.HistoryPage, error) {
	page := bus.HistoryPage{First: s.First(), Last: s.Committed().Position.Sequence, Updates: []bus.HistoryUpdate{}}
	notified := s.Notified()
	wanted := func(u *bus.HistoryUpdate) bool {
		return (q.Service == "" || u.Service == q.Service) && (q.Key == "" || slices.Contains(u.Keys, q.Key))
	}
	var looked time.Duration
	block := func(from uint64, most int) (found []bus.HistoryUpdate, read int, err error) {
		for read < most {
			began := time.Now()
			entries, err := s.Entries(from+uint64(read), min(most-read, searchLook), searchBytes)
			for i := range entries {
				u := shownUpdate(&entries[i].Entry)
				u.Notified, u.Digest = u.Position.Sequence <= notified.Sequence, entries[i].Digest.String()
				if wanted(&u) {
					found = append(found, u)
				}
			}
			read += len(entries)
			took := time.Since(began)
			looked += took
			if err != nil || len(entries) == 0 {
				return found, read, err
			}
			if err := rest(ctx, took); err != nil {
				return found, read, err
			}
		}
		return found, read, nil
	}
	if q.From > 0 {
		at := max(q.From, page.First)
		for range historyBlocks {
			found, read, err := block(at, historyBlock)
			if err != nil {
				return page, err
			}
			if room := limit - len(page.Updates); len(found) > room {
				page.Updates = append(page.Updates, found[:room]...)
				page.Next = found[room].Position.Sequence
				return page, nil
			}
			page.Updates = append(page.Updates, found...)
			if at += uint64(read); read < historyBlock {
				return page, nil
			}
			if looked > searchMost {
				break
			}
		}
		page.Next = at
		return page, nil
	}
	end := page.Last + 1 // not looked at from here on
	if q.Before > 0 {
		end = min(end, q.Before)
	}
	for range historyBlocks {
		if end <= page.First || len(page.Updates) == limit {
			break
		}
		from := max(page.First, end-min(historyBlock, end-1))
		found, _, err := block(from, int(end-from))
		if errors.Is(err, storage.ErrTrimmed) {
			page.First = s.First()
			continue
		}
		if err != nil {
			return page, err
		}
		end = from
		if room := limit - len(page.Updates); len(found) > room {
			end = found[len(found)-room].Position.Sequence
			found = found[len(found)-room:]
		}
		page.Updates = append(found, page.Updates...)
		if looked > searchMost {
			break
		}
	}
	if end > page.First {
		page.Prior = end
	}
	return page, nil
}

// shownKey is a key as people can read it: text as it is, anything else in hexadecimal.
func shownKey(key []byte) string {
	if utf8.Valid(key) {
		return string(key)
	}
	return "0x" + hex.EncodeToString(key)
}
