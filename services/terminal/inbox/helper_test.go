package inbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
)

func openFile(t testing.TB, dir string) *File {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// free lets any number be given.
func free(uint64) error { return nil }

// begun is a session of pair "p" in an epoch, in which the host goes on where the terminal is.
func begun(t testing.TB, b *Box, epoch uint64) *Session {
	t.Helper()
	s, cursor := b.Session("p", epoch, free)
	take(t, s, from(epoch, cursor))
	return s
}

// from is a first batch: pair "p" goes on where a terminal is that said so.
func from(epoch uint64, said notices.Cursor, messages ...notice.Message) notice.Batch {
	r := notices.Resumed{From: said, Cursor: said}
	r.Cursor.Pair = "p"
	return notice.Batch{Epoch: epoch, Resume: &r, Messages: messages}
}

// own is a notice of the terminal's own stream: the count-th, in update count of an epoch.
func own(serial, epoch, count uint64, body string) notice.Message {
	return notice.Message{
		Message: notices.Message{Serial: serial, Notice: notices.Notice{Number: notices.Number{Epoch: epoch, Sequence: count}, Count: count}},
		Content: notice.Content{Service: "till", Topic: "price", Body: []byte(body), At: 1e18},
	}
}

// owns are those from one count to another, with serials from first on.
func owns(first, from, to uint64) (list []notice.Message) {
	for n := from; n <= to; n++ {
		list = append(list, own(first+n-from, 1, n, fmt.Sprintf(`{"n":%d}`, n)))
	}
	return list
}

func take(t testing.TB, s *Session, b notice.Batch) []Published {
	t.Helper()
	told, answer, err := s.Take(b)
	if err != nil || answer.Why != "" || answer.Cursor != nil {
		t.Fatalf("%+v, %v", answer, err)
	}
	return told
}

// after asks for what is kept.
func after(t testing.TB, b *Box, number uint64, limit int) (k notice.Kept) {
	t.Helper()
	data, err := b.After(notice.After{Number: number, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		t.Fatal(err)
	}
	return k
}

// all asks for page after page.
func all(t testing.TB, b *Box) (list []notice.Told) {
	t.Helper()
	for number := uint64(0); ; {
		k := after(t, b, number, MaxLimit)
		list = append(list, k.Notices...)
		if !k.More {
			return list
		}
		number = k.Notices[len(k.Notices)-1].Number
	}
}

func numbers(list []notice.Told) (n []uint64) {
	for _, t := range list {
		n = append(n, t.Number)
	}
	return n
}
