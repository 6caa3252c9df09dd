package queue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/strictjson"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

const (
	// DefaultLimit is the number of outcomes in a page without a limit, and MaxLimit the most in one page; pageBytes
	// bounds their size as JSON, not counting the last one.
	DefaultLimit = 100
	MaxLimit     = 1000
	pageBytes    = 1 << 20
)

// ErrBeyond says that a question names a number that was never given.
var ErrBeyond = errors.New("this terminal never had an outcome with that number")

// Results are outcomes, in their order.
type Results struct {
	Results []Told `json:"results"`
	// First is the lowest number from which on no outcome was discarded for lack of room, Last the highest number.
	First uint64 `json:"first,string"`
	Last  uint64 `json:"last,string"`
	More  bool   `json:"more"`
	// Directory is the identity of the agent's directory: in another directory numbers start again. The store does not
	// know it.
	Directory string `json:"directory,omitempty"`
}

// EncodeJSON encodes the outcomes for applications. Bodies are unchanged: the escapes for web pages could make six
// bytes of one, and a stored outcome would exceed a message.
func EncodeJSON(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil // a field that can't be encoded is a bug, found by any test
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// byResult finds an entry with an outcome by the number of that outcome.
func byResult(it *item, number uint64) int { return cmp.Compare(it.result, number) }

// After returns the stored outcomes after a number, at most one page. Errors: ErrBeyond, boltfile.ErrDamaged,
// ErrClosed.
func (s *Store) After(a notice.After) (r Results, err error) {
	list, r, err := s.after(a)
	if err == nil {
		err = s.fill(&r, list)
	}
	return r, err
}

// fill reads the page of these requests. Some may have been discarded since they were found: the page's first number
// is of the same moment as its contents.
func (s *Store) fill(r *Results, list []uint64) error {
	size := 0
	return s.file.view(func(b *bolt.Bucket) error {
		if b == nil {
			return nil
		}
		data, err := boltfile.Unseal(stateKey, b.Get(stateKey))
		var state record
		if err == nil {
			err = bus.Decode(data, &state)
		}
		if err != nil {
			return fmt.Errorf("the state of the queue: %w", err)
		}
		r.First = max(r.First, state.Gone+1)
		for _, number := range list {
			if size >= pageBytes {
				r.More = true
				return nil
			}
			key := entryKey(number)
			raw := b.Get(key)
			if raw == nil {
				continue // it has been removed since
			}
			data, err := boltfile.Unseal(key, raw)
			var w written
			if err == nil {
				err = bus.Decode(data, &w)
			}
			if err != nil {
				return fmt.Errorf("entry %d of the queue: %w", number, err)
			}
			t := w.told(number)
			if strictjson.Depth(t.Body) > outbox.MaxDepth { // the page could not be decoded; asking for this one alone returns it
				t.Dropped, t.Body = len(t.Body), nil
			}
			size += len(EncodeJSON(t))
			r.Results = append(r.Results, t)
		}
		return nil
	})
}

// after returns the numbers of the requests whose outcomes are a page, and the rest of its fields.
func (s *Store) after(a notice.After) (list []uint64, r Results, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r = Results{Results: []Told{}, First: s.state.Gone + 1, Last: s.state.Results}
	if a.Number > r.Last {
		return nil, r, fmt.Errorf("%w: you asked for outcomes after %d, and the last one is %d. The directory of this terminal's agent was lost or replaced: ask after 0",
			ErrBeyond, a.Number, r.Last)
	}
	limit := min(a.Limit, MaxLimit)
	if limit <= 0 {
		limit = DefaultLimit
	}
	at, _ := slices.BinarySearchFunc(s.over, a.Number+1, byResult)
	for _, it := range s.over[at:] {
		if r.More = len(list) == limit; r.More {
			break
		}
		list = append(list, it.number)
	}
	return list, r, nil
}
