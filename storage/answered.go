package storage

import (
	"bytes"
	"encoding/binary"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
)

// AnswerBytes is what the recorded answers of a terminal take under counters from one, which is not below its floor, up to and without
// another one. It is for a bound: what can't be read of them is estimated, or not counted, and fails nothing.
func (r *Reader) AnswerBytes(terminal string, from, upto uint64) (sum int) {
	if from >= upto {
		return 0
	}
	prefix := layout.AnswerPrefix(terminal, layout.AnswerByCounter)
	first := binary.BigEndian.AppendUint64(bytes.Clone(prefix), from)
	end := binary.BigEndian.AppendUint64(bytes.Clone(prefix), upto)
	_ = guard(func() error {
		answers := r.tx.Bucket([]byte(layout.BucketAnswers))
		c := answers.Cursor()
		for k, v := c.Seek(first); k != nil && bytes.HasPrefix(k, prefix) && bytes.Compare(k, end) < 0; k, v = c.Next() {
			var kept layout.Recorded
			if err := format.Unseal(layout.AnswerVersion, k, v, &kept); err != nil {
				sum += answerOverhead + len(v)
				continue
			}
			sum += AnswerSize(&kept.Answer)
		}
		walk := r.over.Walk(overlay.Answers, prefix, first, false)
		for key, ok := walk.Key(); ok && key < string(end); key, ok = walk.Key() {
			if versions := walk.Take(key); answers.Get([]byte(key)) == nil {
				sum += AnswerSize(&versions[0].Entry().Answer)
			}
		}
		return nil
	})
	return sum
}

// AnswerSize is an upper bound of the stored size of an answer.
func AnswerSize(a *history.Answer) int { return answerOverhead + len(a.Message) + len(a.Body) }

// answerOverhead is what an answer takes beside its sentence and its body, in bytes.
const answerOverhead = 256
