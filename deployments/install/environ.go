package install

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/hotpair/hotpair/services/regular"
)

// maxEnviron bounds an environment file, in bytes.
const maxEnviron = 1 << 20

// readEnviron reads an environment file as a unit does, except values over several lines, which we never write. A
// missing file is empty.
func readEnviron(path string) (environ []string, err error) {
	raw, err := regular.Read(path, maxEnviron)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		quote := len(value) > 0 && (value[0] == '"' || value[0] == '\'')
		switch {
		case !found || strings.ContainsAny(name, " \t\"'") || name == "":
			return nil, fmt.Errorf("%s: line %d is not NAME=value", path, n)
		case quote && (len(value) < 2 || value[len(value)-1] != value[0]), strings.HasSuffix(value, "\\"):
			return nil, fmt.Errorf("%s: line %d continues in the next one: write it in one line", path, n)
		case quote:
			value = value[1 : len(value)-1]
		}
		environ = append(environ, name+"="+value)
	}
	return environ, nil
}
