package inbox

import (
	"encoding/json"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
)

// FuzzBatch: whatever a host sends is refused, with a sentence and nothing kept, or is told under numbers without a hole.
func FuzzBatch(f *testing.F) {
	add := func(b notice.Batch) {
		data, err := bus.Encode(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false)
		f.Add(data, true)
	}
	add(notice.Batch{Epoch: 1, Messages: owns(1, 1, 3)})
	void := from(1, notices.Cursor{}, owns(1, 1, 2)...)
	void.Resume.Void = &notices.Range{}
	add(void)
	gap := own(1, 1, 1, "")
	gap.Gap = notices.Gap{Range: notices.Range{To: notices.Number{Epoch: 1, Sequence: 7}}, Missing: 7}
	add(notice.Batch{Epoch: 1, Messages: []notice.Message{gap, own(2, 1, 8, "[]")}})
	box := openFile(f, f.TempDir()).Box("t1", 0)
	f.Fuzz(func(t *testing.T, data []byte, resumed bool) {
		var batch notice.Batch
		if err := notice.DecodeBatch(data, &batch); err != nil {
			return
		}
		box.current.Store(&state{record{Local: box.Last(), Count: box.current.Load().Count, Bytes: box.current.Load().Bytes}})
		s, _ := box.Session("p", 1, free)
		if resumed {
			take(t, s, from(1, notices.Cursor{}))
		}
		before := box.Last()
		told, answer, err := s.Take(batch)
		if (err == nil) != (answer.Why == "") || err != nil && (told != nil || box.Last() != before) {
			t.Fatalf("%+v, %v, told %d", answer, err, len(told))
		}
		for i, p := range told {
			if p.Number != before+uint64(i)+1 || !json.Valid(p.Data) || len(p.Data) > notice.MaxBatch+1024 ||
				!bus.ValidName(p.Service) || !bus.ValidName(p.Topic) {
				t.Fatalf("told %s", p.Data)
			}
		}
		if box.Last() != before+uint64(len(told)) {
			t.Fatalf("last %d after %d, told %d", box.Last(), before, len(told))
		}
	})
}
