package config

import "errors"

// CheckTerminal returns why a terminal can't be dialled: an invalid id or address, in words that an operator can act
// on. It is the check of HOTPAIR_TERMINALS for one terminal.
func CheckTerminal(id, address string) error {
	if !isTerminalID(id) {
		return errors.New("its id is not 1 to 64 letters, digits, hyphens or underscores")
	}
	var list Terminals
	if err := list.Decode(id + "=" + address); err != nil || len(list) != 1 || list[0].URL != address {
		return errors.New("its address is not nats://host:port")
	}
	return nil
}

// Place is a host's name and data directory, all that a command needs that works on the directory of a stopped host.
type Place struct {
	Name
	Storage
}

func (p *Place) check(c *checker) {
	c.needed(p)
	p.Name.check(c)
}
