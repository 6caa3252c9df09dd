package enrolment

import (
	"errors"
	"testing"
)

// The register is asked for after every change of what the pair keeps of itself, events among them: it is read when it is another one, or
// when another epoch may make something else of it.
func TestRegister_IsReadWhenItIsAnother(t *testing.T) {
	var r Register
	var broken error
	now := MembersPage{Revision: 7, Epoch: 1, Members: []Member{{ID: "till-1"}, {ID: "till-2"}}}
	reads := 0
	read := func() error {
		return r.ReadBy(func(q MembersQuestion) (MembersPage, error) {
			if broken != nil {
				return MembersPage{}, broken
			}
			page := MembersPage{Revision: now.Revision, Epoch: now.Epoch, Members: now.Members[:1], More: true}
			if q.After == "till-1" {
				page.Members, page.More = now.Members[1:], false
			}
			if q.Limit == 0 {
				reads++
			}
			return page, nil
		})
	}
	for _, c := range []struct {
		name   string
		change func()
		pages  int
	}{
		{"the first time", func() {}, 2},
		{"it is the same", func() {}, 0},
		{"another revision", func() { now.Revision++ }, 2},
		{"another epoch", func() { now.Epoch++ }, 2},
		{"it is that one", func() {}, 0},
	} {
		c.change()
		reads = 0
		if err := read(); err != nil || reads != c.pages || len(r.All()) != 2 {
			t.Errorf("%s: %d pages read, want %d; it has %d members, %v", c.name, reads, c.pages, len(r.All()), err)
		}
	}
	broken = errors.New("no updater")
	if err := read(); !errors.Is(err, broken) || len(r.All()) != 2 {
		t.Errorf("without an updater: %v, it has %d members", err, len(r.All()))
	}
}
