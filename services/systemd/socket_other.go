//go:build !linux

package systemd

import (
	"errors"
	"time"
)

var errFull = errors.New("nobody reads")

// socket does nothing: there is no systemd here.
type socket struct{}

func dial(string) (socket, error) { return socket{}, errors.ErrUnsupported }

func (socket) send(string) error { return errors.ErrUnsupported }

func (socket) close() {}

func monotonic() time.Duration { return 0 }
