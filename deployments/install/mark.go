package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/strictjson"
)

// state is the progress of a join or leave.
type state string

const (
	joining state = "joining" // some files are written
	joined  state = "joined"  // all are
	leaving state = "leaving" // some are removed
)

const (
	markForm = 1
	maxMark  = 4 << 10
)

// mark records the membership of a machine. It is a disk format.
type mark struct {
	Form    int    `json:"form"`
	State   state  `json:"state"`
	Name    string `json:"name"` // as spiffe://PAIR/host/a
	Address string `json:"address"`
	Bundle  string `json:"bundle"` // its SHA-256
	// Unit is set if the unit was written here, because no package had installed one.
	Unit bool `json:"unit,omitempty"`
}

// identity is the member's name; the zero Name for no mark.
func (m mark) identity() identity.Name {
	n, _ := identity.Parse(m.Name) // readMark checked it
	return n
}

func (m mark) none() bool { return m.Form == 0 }

// readMark reads the mark of a machine; the zero mark when there is none.
func (p Place) readMark() (m mark, err error) {
	path := p.on(p.markFile())
	raw, err := regular.Read(path, maxMark)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = strictjson.Decode(raw, &m)
	}
	if err == nil && m.Form != markForm {
		err = fmt.Errorf("it has format %d, but this program knows format %d", m.Form, markForm)
	}
	if err == nil {
		_, err = identity.Parse(m.Name)
	}
	if err != nil {
		return mark{}, fmt.Errorf("the record of this machine's membership is unreadable: %s: %w; to start over, remove %s", path, err, p.Settings)
	}
	return m, nil
}

func (p Place) writeMark(m mark) error {
	m.Form = markForm
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return durable.Write(p.on(p.markFile()), append(raw, '\n'))
}

func (m mark) describe() string { return bundle.Kind(m.identity()) + " of pair " + m.identity().Pair }
