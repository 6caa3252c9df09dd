// Package deployments contains the systemd units that are installed with the program.
package deployments

import (
	"bytes"
	"embed"
	"fmt"
)

//go:embed systemd/*.service
var units embed.FS

// Unit returns a unit by its name, for a machine where the program is at this path.
func Unit(name, program string) ([]byte, error) {
	text, err := units.ReadFile("systemd/" + name)
	if err != nil {
		return nil, fmt.Errorf("unit: %w", err)
	}
	if i := bytes.Index(text, []byte("[Unit]")); i >= 0 { // the text before it says how to install it by hand
		text = text[i:]
	}
	return bytes.ReplaceAll(text, []byte("/usr/local/bin/hotpair"), []byte(program)), nil
}
