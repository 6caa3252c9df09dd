// Package deployments has what is installed beside the program: the units of systemd.
package deployments

import (
	"bytes"
	"embed"
	"fmt"
)

//go:embed systemd/*.service
var units embed.FS

// Unit gives a unit by its name, for a machine where the program is at this path.
func Unit(name, program string) ([]byte, error) {
	text, err := units.ReadFile("systemd/" + name)
	if err != nil {
		return nil, fmt.Errorf("unit: %w", err)
	}
	if i := bytes.Index(text, []byte("[Unit]")); i >= 0 { // what stands before says how to install it by hand
		text = text[i:]
	}
	return bytes.ReplaceAll(text, []byte("/usr/local/bin/hotpair"), []byte(program)), nil
}
