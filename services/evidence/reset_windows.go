package evidence

import (
	"errors"
	"syscall"
)

// IsReset reports whether an error says that the connection was reset, or that the other side has stopped reading.
func IsReset(err error) bool {
	return errors.Is(err, syscall.WSAECONNRESET) || errors.Is(err, syscall.WSAECONNABORTED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
