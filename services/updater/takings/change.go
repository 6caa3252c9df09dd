package takings

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// MostKept and MostBytes bound the commands that are kept for one terminal, the settled ones among them, which go after a while.
	MostKept  = 4096
	MostBytes = 4 << 20
	// MostPassed bounds the commands that one update changes because of the time.
	MostPassed = 1024
	// overhead is what a command counts beside its body, in bytes.
	overhead = 512
)

// changing is an update in the making.
type changing struct{ *leaving.Set }

// Change puts the commands of a service's update into a set. Whether their terminals exist is found by who puts the notices there. Errors:
// leaving.ErrOverloaded for a terminal that has too many, bus.ErrMalformed for what is stored and can't be read.
func Change(s *leaving.Set, service string, list []outbox.Notice) error {
	w := changing{s}
	for i := range list {
		n := &list[i]
		if !n.Fenced {
			continue
		}
		it := stored{Until: s.Update.Time + int64(n.Within), At: s.Update.Time, Service: service, Topic: n.Topic, Body: n.Body}
		if len(it.Body) == 0 {
			it.Body = []byte("{}")
		}
		it.Size = overhead + len(it.Body)
		for _, id := range n.To {
			if err := w.add(id, s.Update.Number(uint32(i)), it); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w changing) add(id string, n position.Number, it stored) error {
	if err := w.count(id, 1, it.Size); err != nil {
		return err
	}
	w.Put(orderKey(id, it.command(n)), nil)
	return w.put(entryKey(id, n), it)
}

// count counts a command that is kept for a terminal from now on, or not any more.
func (w changing) count(id string, by, bytes int) error {
	var c count
	there, err := read(w, countKey(id), &c)
	if err != nil {
		return err
	}
	if by > 0 && (c.Kept >= MostKept || c.Bytes+bytes > MostBytes) {
		return fmt.Errorf("%d fenced commands of %d bytes are kept for terminal %s: %w; each is removed ten minutes after it was executed or its time ended", c.Kept, c.Bytes, id, leaving.ErrOverloaded)
	}
	c.Kept, c.Bytes = c.Kept+by, c.Bytes+bytes
	if c.Kept <= 0 && there {
		w.Remove(countKey(id))
		return nil
	}
	return w.put(countKey(id), c)
}

func (w changing) put(key []byte, v any) error {
	value, err := bus.Encode(v)
	if err == nil {
		w.Put(key, value)
	}
	return err
}

// find gives a command, nil if there is none.
func (w changing) find(id string, n position.Number) (*stored, error) {
	var it stored
	if there, err := read(w, entryKey(id, n), &it); err != nil || !there {
		return nil, err
	}
	return &it, nil
}

// become has a command be what it was judged to be from now on.
func (w changing) become(id string, was *stored, next commands.Command) error {
	w.Drop(orderKey(id, was.command(next.Number)))
	it := *was
	it.State, it.At, it.Directory, it.Token = next.State, next.At, next.By.Directory, next.By.Token
	if it.State != commands.Open && it.State != commands.Taken { // nobody is given it any more
		it.Body = nil
	}
	w.Put(orderKey(id, &next), nil)
	return w.put(entryKey(id, next.Number), it)
}

// forget takes a command away.
func (w changing) forget(id string, c *commands.Command, size int) error {
	w.Drop(orderKey(id, c))
	w.Remove(entryKey(id, c.Number))
	return w.count(id, -1, -size)
}

// facts are what takings are judged by.
func (w changing) facts() (commands.Facts, error) {
	epoch, err := dispatch.TakenBack(w)
	return commands.Facts{Now: w.Update.Time, TakenBack: epoch}, err
}
