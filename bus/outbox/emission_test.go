package outbox

import (
	"bytes"
	"strings"
	"testing"
)

func TestEmissions_AreBounded(t *testing.T) {
	named := func(s string) bool { return s != "" && !strings.Contains(s, ".") }
	good := Emission{Target: "billing", Lane: "seat:12A", Body: []byte(`{"a":1}`)}
	for what, c := range map[string]struct {
		change func(*Emission)
		says   string
	}{
		"as it should be":  {func(*Emission) {}, ""},
		"no body":          {func(e *Emission) { e.Body = nil }, ""},
		"longest lane":     {func(e *Emission) { e.Lane = strings.Repeat("~", MaxLane) }, ""},
		"no target":        {func(e *Emission) { e.Target = "" }, "target's name"},
		"no lane":          {func(e *Emission) { e.Lane = "" }, "lane's name"},
		"a slash":          {func(e *Emission) { e.Lane = "a/b" }, "lane's name"},
		"a line break":     {func(e *Emission) { e.Lane = "a\nb" }, "lane's name"},
		"a letter of none": {func(e *Emission) { e.Lane = "ä" }, "lane's name"},
		"too long a lane":  {func(e *Emission) { e.Lane = strings.Repeat("a", MaxLane+1) }, "lane's name"},
		"too long a body":  {func(e *Emission) { e.Body = bytes.Repeat([]byte(" "), MaxBody+1) }, "bytes, at most"},
		"no JSON":          {func(e *Emission) { e.Body = []byte("{") }, "the body of an emission"},
	} {
		e := good
		c.change(&e)
		err := (&Changes{Emissions: []Emission{e}}).Validate(named)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := (&Changes{Emissions: make([]Emission, MaxEmissions+1)}).Validate(named); err == nil {
		t.Error("one too many is taken")
	}
	c := Changes{Emissions: []Emission{good}}
	if c.IsZero() || c.Size() < len(good.Body)+256 {
		t.Errorf("zero %t, %d bytes", c.IsZero(), c.Size())
	}
}
