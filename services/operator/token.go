package operator

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/regular"
)

// ErrToken says that a call that changes something did not carry the host's token.
var ErrToken = fault.New("token", "the token is missing or wrong")

// TokenFile holds the token in a host's data directory, for commands of the same user.
const TokenFile = "operator.token"

// maxToken bounds what is read as a token, in bytes.
const maxToken = 4096

// WriteToken leaves the token in a data directory, readable by its owner only. What stands there already is replaced as
// a whole, or left alone if it is the same.
func WriteToken(dir, token string) error {
	if there, err := ReadToken(dir); err == nil && there == token {
		return nil
	}
	if err := durable.Write(filepath.Join(dir, TokenFile), []byte(token+"\n")); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	return nil
}

// ReadToken gives the token that WriteToken left. A file that others may write is not believed.
func ReadToken(dir string) (string, error) {
	file, err := regular.Open(filepath.Join(dir, TokenFile))
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("token: %w", err)
	case info.Mode().Perm()&0o022 != 0:
		return "", fmt.Errorf("token: %s may be written by others", file.Name())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
