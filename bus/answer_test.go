package bus

import (
	"testing"

	"github.com/hotpair/hotpair/storage/position"
)

func TestAnswer_ReplyCarriesRevisionOfItsPosition(t *testing.T) {
	at := position.Position{Epoch: 7, Sequence: 123}
	for _, c := range []struct {
		answer Answer
		at     position.Position
		want   string
	}{
		{Answer{Revision: true}, at, `{"revision":123}`},
		{Answer{Revision: true, Body: []byte(` {} `)}, at, `{"revision":123}`},
		{Answer{Revision: true, Body: []byte(`{"a":1 }`)}, at, `{"a":1,"revision":123}`},
		{Answer{Revision: true, Body: []byte(`[1]`)}, at, `[1]`},
		{Answer{Revision: true, Body: []byte(`{`)}, at, `{`},
		{Answer{Body: []byte(`{"a":1}`)}, at, `{"a":1}`},
		{Answer{Revision: true, Body: []byte(`{"a":1}`)}, position.Position{}, `{"a":1}`},
	} {
		if got := c.answer.Reply(c.at); string(got.Body) != c.want || got.Position != c.at {
			t.Errorf("%s at %v: got %s at %v, want %s", c.answer.Body, c.at, got.Body, got.Position, c.want)
		}
	}
}
