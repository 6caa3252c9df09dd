package permitting

import (
	"time"

	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/updater/takings"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// looks is how often it is looked for what was not told of after an update without an answer, which may be committed a while later.
const looks = 2

// name is that of a command of a terminal.
type name struct {
	terminal string
	number   position.Number
}

// noted is what was told of, for as long as commands are kept and up to twice that.
type noted struct {
	now, before map[name]bool
	since       time.Time
}

// first reports whether a command was not told of before, and notes it.
func (n *noted) first(m *takings.Moved) bool {
	if n.now == nil || time.Since(n.since) > commands.Kept {
		n.now, n.before, n.since = map[name]bool{}, n.now, time.Now()
	}
	is := name{m.Terminal, m.Number}
	if n.now[is] || n.before[is] {
		return false
	}
	n.now[is] = true
	return true
}

// catchUp tells of what is kept and was not told of by this process: by a host that ended before it could, or after an update whose answer did
// not come. So the alarm goes with the term, too.
func (a *Answers) catchUp() error {
	var after []byte
	for {
		var list []takings.Moved
		err := a.Store.View(func(r *storage.Reader) error {
			list, after = takings.Unsettled(r, a.Term.PairTime(), after)
			return nil
		})
		if err != nil {
			return err
		}
		if a.note(list...); after == nil {
			return nil
		}
	}
}
