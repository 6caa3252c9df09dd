package inbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/strictjson"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

const (
	// DefaultLimit is the number of notices in a page without a limit, and MaxLimit the most in one page; pageBytes
	// bounds their size, not counting the last one.
	DefaultLimit = 100
	MaxLimit     = 1000
	pageBytes    = 1 << 20
)

// ErrBeyond says that a question names a number that was never given.
var ErrBeyond = errors.New("this terminal never had a notice with that number")

// Published is the subject and content of a notice for applications.
type Published struct {
	notice.Told
	Data []byte
	// Skipped says why the entry replaces a notice that can't be delivered; "" if it does not.
	Skipped string
}

// publish sends a stored notice to applications.
func (s *Session) publish(k notices.Kept, c notice.Content) (p Published, err error) {
	t := notice.Told{Number: k.Local, Service: notice.System}
	skipped := ""
	switch gap := k.Message.Gap; {
	case k.Void != nil:
		pair := cmp.Or(s.store.Cursor.Pair, s.pair) // of what is void; the terminal may have been another pair's
		t.Topic, t.From, t.To = notice.TopicDiverged, name(pair, k.Void.From), name(pair, k.Void.To)
	case gap != (notices.Gap{}):
		t.Topic, t.From, t.To, t.Missing, t.AtLeast = notice.TopicGap, name(s.pair, gap.From), name(s.pair, gap.To), gap.Missing, gap.AtLeast
	case c.Fenced != nil:
		t.Service, t.Topic, t.Fenced, t.Until = c.Service, c.Fenced.Topic, true, time.Unix(0, c.Fenced.Until).UTC()
		t.ID, t.Again = notice.ID(s.pair, k.Message.Notice.Number), k.Message.Again
		if c.At != 0 {
			t.At = time.Unix(0, c.At).UTC()
		}
	case strictjson.Depth(c.Body) > outbox.MaxDepth:
		skipped = tooDeep
		lacks(&t, notice.ID(s.pair, k.Message.Notice.Number))
	default:
		t.Service, t.Topic, t.Body = c.Service, c.Topic, c.Body
		if len(t.Body) == 0 {
			t.Body = json.RawMessage("{}")
		}
		t.ID, t.Again = notice.ID(s.pair, k.Message.Notice.Number), k.Message.Again
		if c.At != 0 {
			t.At = time.Unix(0, c.At).UTC()
		}
	}
	data, err := encode(t)
	return Published{t, data, skipped}, err
}

// tooDeep is the reason why a notice is skipped whose page could not be decoded.
var tooDeep = fmt.Sprintf("its body nests lists and objects deeper than %d levels", outbox.MaxDepth)

// lacks turns a notice into the report that the notice of an id is missing: the range after the place just before it.
func lacks(t *notice.Told, id string) {
	t.Service, t.Topic, t.To, t.Missing = notice.System, notice.TopicGap, id, 1
	if pair, n, err := notice.ParseID(id); err == nil {
		if n.Index--; n.Index == math.MaxUint32 {
			n.Sequence--
		}
		t.From = notice.ID(pair, n)
	}
}

// readable returns a stored notice, or, if it is too deep to be decoded in a page, the report that it is missing.
func readable(data []byte) ([]byte, error) {
	if strictjson.Depth(data) <= outbox.MaxDepth+1 { // the body is nested in the notice
		return bytes.Clone(data), nil
	}
	var was struct {
		Number uint64 `json:"number,string"`
		ID     string `json:"id"`
	}
	if err := json.Unmarshal(data, &was); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	t := notice.Told{Number: was.Number}
	lacks(&t, was.ID)
	return encode(t)
}

// Show sets the function that returns the state of a fenced command by its id, for the content of its notice. It must
// be called first.
func (b *Box) Show(state func(id string) string) { b.state = state }

// shown returns a notice with the state of its command, if it is fenced. Fenced notices are hidden from applications
// that do not ask for them: they would treat one like the others, and act on it.
func (b *Box) shown(data []byte, fenced bool) (text []byte, hidden bool, err error) {
	if !bytes.Contains(data, []byte(`"fenced":true`)) {
		return data, false, nil
	}
	var t notice.Told
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !t.Fenced || !fenced {
		return data, t.Fenced, nil
	}
	if b.state != nil {
		t.State = b.state(t.ID)
	}
	text, err = encode(t)
	return text, false, err
}

// name is the id of a notice, "" for the place before the first.
func name(pair string, n notices.Number) string {
	if n == (notices.Number{}) {
		return ""
	}
	return notice.ID(pair, n)
}

// encode writes JSON without the escapes for web pages, which would exceed the size bound.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// After returns the notices after a number: notice.Kept, as JSON. Errors: ErrBeyond, ErrDamaged, ErrClosed.
func (b *Box) After(a notice.After) ([]byte, error) {
	var kept struct {
		notice.Kept
		Notices []json.RawMessage `json:"notices"` // as sent to applications
	}
	last := b.Last()
	if a.Number > last {
		return nil, fmt.Errorf("%w: you asked for notices after %d, and the last one is %d. The directory of this terminal's agent was lost or replaced: ask after 0",
			ErrBeyond, a.Number, last)
	}
	kept.Notices, kept.First, kept.Last = []json.RawMessage{}, last+1, last
	limit := min(a.Limit, MaxLimit)
	if limit <= 0 {
		limit = DefaultLimit
	}
	err := b.file.view(b.terminal, func(bucket *bolt.Bucket) error {
		if bucket == nil {
			return nil
		}
		c := bucket.Cursor()
		if k, _ := c.Seek([]byte{noticePrefix}); isNotice(k) && numberOf(k) <= last {
			kept.First = numberOf(k)
		}
		size := 0
		for k, v := c.Seek(noticeKey(a.Number + 1)); isNotice(k) && numberOf(k) <= last; k, v = c.Next() {
			if kept.More = len(kept.Notices) == limit || size >= pageBytes; kept.More {
				return nil
			}
			data, err := boltfile.Unseal(k, v)
			if err == nil {
				data, err = readable(data)
			}
			hidden := false
			if err == nil {
				data, hidden, err = b.shown(data, a.Fenced)
			}
			if err != nil {
				return fmt.Errorf("notice %d: %w", numberOf(k), err)
			}
			if hidden {
				continue
			}
			kept.Notices = append(kept.Notices, data)
			size += len(data)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(kept)
}
