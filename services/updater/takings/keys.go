package takings

import (
	"encoding/binary"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/position"
)

// Keys, and what they begin with.
const (
	entries = "commands/entry/"
	order   = "commands/due/"
	counts  = "commands/count/"
)

// name is that of a command in keys. Ids have no slash.
func name(id string, n position.Number) []byte { return n.Append([]byte(id + "/")) }

func entryKey(id string, n position.Number) []byte { return append([]byte(entries), name(id, n)...) }

func countKey(id string) []byte { return []byte(counts + id) }

// orderKey is the place of a command in the order in which time changes them.
func orderKey(id string, c *commands.Command) []byte {
	key := binary.BigEndian.AppendUint64([]byte(order), uint64(max(0, c.Due())))
	return append(append(key, '/'), name(id, c.Number)...)
}

// ordered is orderKey backwards.
func ordered(key []byte) (due int64, id string, n position.Number, err error) {
	rest := key[min(len(key), len(order)):]
	if len(rest) > 9+position.NumberBytes+1 && rest[8] == '/' && rest[0]&0x80 == 0 {
		at := len(rest) - position.NumberBytes
		if n, ok := position.ParseNumber(rest[at:]); ok && rest[at-1] == '/' {
			return int64(binary.BigEndian.Uint64(rest)), string(rest[9 : at-1]), n, nil
		}
	}
	return 0, "", n, fmt.Errorf("%w: %q is not a key in the order of commands", bus.ErrMalformed, key)
}

// stored is the value of a command. Its number is in its key.
type stored struct {
	Until     int64          `cbor:"1,keyasint"`
	State     commands.State `cbor:"2,keyasint,omitempty"`
	Directory string         `cbor:"3,keyasint,omitempty"`
	Token     string         `cbor:"4,keyasint,omitempty"`
	At        int64          `cbor:"5,keyasint"`
	Service   string         `cbor:"6,keyasint"`
	Topic     string         `cbor:"7,keyasint"`
	Body      []byte         `cbor:"8,keyasint,omitempty"`
	Size      int            `cbor:"9,keyasint"` // that it counts for, also when its body is gone
}

func (s *stored) command(n position.Number) *commands.Command {
	return &commands.Command{Number: n, Until: s.Until, State: s.State, By: commands.Taker{Directory: s.Directory, Token: s.Token}, At: s.At}
}

// moved is a command of a terminal that has become what c is.
func (s *stored) moved(terminal string, c commands.Command) Moved {
	return Moved{terminal, s.Service, s.Topic, c.Number, c.State, c.State == commands.Unknown && c.By.Directory == ""} // nobody has taken it
}

// count is how many commands are kept for a terminal, and what they come to.
type count struct {
	Kept  int `cbor:"1,keyasint"`
	Bytes int `cbor:"2,keyasint"`
}

// read reads what a key holds; there is false when it is not there.
func read(g leaving.Getter, key []byte, v any) (there bool, err error) {
	value, revision, err := g.Get(key)
	if err == nil && revision == 0 {
		return false, nil
	}
	if err == nil {
		err = bus.Decode(value, v)
	}
	if err != nil {
		return true, fmt.Errorf("%q in the outbox: %w", key, err)
	}
	return true, nil
}
