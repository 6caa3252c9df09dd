package bus

import (
	"bytes"
	"strconv"

	"github.com/hotpair/hotpair/storage/position"
)

// Reply is the reply that an answer becomes once its update has a position (the zero one when nothing was written). The
// runtime makes it for a fresh answer and the updater for a recorded one, so a repeated request gets the same bytes.
func (a Answer) Reply(at position.Position) Reply {
	body := a.Body
	if a.Revision && !at.IsZero() {
		body = withRevision(body, at.Sequence)
	}
	return Reply{Code: a.Code, Message: a.Message, Body: body, Position: at}
}

// withRevision adds the field "revision" at the end of a JSON object. Other bodies are not changed.
func withRevision(body []byte, revision uint64) []byte {
	object := bytes.TrimSpace(body)
	if len(object) == 0 {
		object = []byte("{}")
	}
	if object[0] != '{' || object[len(object)-1] != '}' {
		return body
	}
	inner := bytes.TrimSpace(object[1 : len(object)-1])
	out := append(make([]byte, 0, len(object)+34), '{')
	out = append(out, inner...)
	if len(inner) > 0 {
		out = append(out, ',')
	}
	out = append(out, `"revision":`...)
	out = strconv.AppendUint(out, revision, 10)
	return append(out, '}')
}
