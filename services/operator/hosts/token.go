package hosts

import (
	"fmt"
	"io"
	"strings"

	"github.com/hotpair/hotpair/services/regular"
)

// maxToken bounds a token, in bytes.
const maxToken = 4096

// ReadToken reads a token from a file. A file that others may read or write is refused: a reader of it could act as
// the operator.
func ReadToken(path string) (string, error) {
	file, err := regular.Open(path)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("token: %w", err)
	case info.Mode().Perm()&0o027 != 0:
		return "", fmt.Errorf("token: %s may be read or written by others: chmod 600 %s", path, path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("token: %s does not hold one token in one line", path)
	}
	return token, nil
}
