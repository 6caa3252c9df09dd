package conformance

import (
	"bytes"
	"encoding/json"
	"strings"
)

// named are answers of cases, by the names that the cases give them: a value that the service draws at random, like a
// number, is known only from the answer, and differs on each host of the test.
type named map[string]map[string]any

// take records the answer of a case; one that is not an object has no fields.
func (n named) take(name string, answer []byte) {
	var fields map[string]any
	if exact(answer, &fields) == nil {
		n[name] = fields
	}
}

// exact reads JSON with its numbers as they are written.
func exact(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

// fill returns a body in which each text "$NAME.FIELD" of a named answer is replaced by that field. Other texts stay
// unchanged.
func (n named) fill(body json.RawMessage) json.RawMessage {
	var value any
	if len(n) == 0 || !bytes.Contains(body, []byte(`"$`)) || exact(body, &value) != nil {
		return body
	}
	filled, err := json.Marshal(n.in(value))
	if err != nil { // of what was read as JSON: there is none
		return body
	}
	return filled
}

func (n named) in(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, part := range v {
			v[name] = n.in(part)
		}
	case []any:
		for i, part := range v {
			v[i] = n.in(part)
		}
	case string:
		if text, is := strings.CutPrefix(v, "$"); is {
			name, field, _ := strings.Cut(text, ".")
			if part, there := n[name][field]; there {
				return part
			}
		}
	}
	return value
}
