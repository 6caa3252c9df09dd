package config

import "errors"

// CheckTerminal says what keeps a terminal from being dialled: an id or an address that is none, in the words that an
// operator can act on. It is the check of HOTPAIR_TERMINALS for one terminal.
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

// Place is a host's name and data directory, all that a command needs which works on the directory of a stopped host.
type Place struct {
	Name
	Storage
}

func (p *Place) check(c *checker) {
	c.needed(p)
	p.Name.check(c)
}
