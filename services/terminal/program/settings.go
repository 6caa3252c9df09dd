package program

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/rights"
)

// mostSettings bounds a file of settings, in bytes.
const mostSettings = 256 << 10

// readSettings adds the settings of a file, which may hold secrets. found: the file exists. The error is
// config.ErrInvalid.
func readSettings(path string, to map[string]string) (found bool, err error) {
	wrong := func(text string, args ...any) error {
		return fmt.Errorf("%w: settings: %s: "+text, append([]any{config.ErrInvalid, path}, args...)...)
	}
	file, err := regular.Open(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist), wrong("%w", err)
	}
	defer file.Close()
	whom, err := rights.Beyond(file, true)
	switch {
	case err != nil:
		return true, wrong("%w", err)
	case whom != "":
		return true, wrong("it may hold secrets and %s: %s", whom, rights.Remedy(path))
	}
	text, err := regular.Read(path, mostSettings)
	if err != nil {
		return true, wrong("%w", err)
	}
	list, err := parseSettings(string(text))
	if err != nil {
		return true, wrong("%w", err)
	}
	for _, s := range list {
		to[s[0]] = s[1]
	}
	return true, nil
}

// parseSettings parses lines of NAME=value, like systemd's environment files: empty lines and those that begin with #
// or ; are skipped, and a value may be quoted. Only hotpair's variables are allowed: writing such a file must not
// change how programs are found or loaded.
func parseSettings(text string) (list [][2]string, err error) {
	text = strings.TrimPrefix(text, "\ufeff") // a byte order mark, as from Windows editors
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || !strings.HasPrefix(name, config.Prefix+"_") || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("line %d is not a setting: want %s_NAME=value", n, config.Prefix)
		}
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') {
			if value[len(value)-1] != value[0] {
				return nil, fmt.Errorf("line %d: the value of %s begins with a quote and does not end with one", n, name)
			}
			value = value[1 : len(value)-1]
		}
		if strings.ContainsRune(value, 0) {
			return nil, fmt.Errorf("line %d: the value of %s contains an invalid byte", n, name)
		}
		list = append(list, [2]string{name, value})
	}
	return list, nil
}
