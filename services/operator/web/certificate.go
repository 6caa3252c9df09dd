package web

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is read again when its files change. While they can't be used, as in the middle of a replacement, the
// last usable one is kept: an operator without access is worse off than one with a certificate that is about to
// expire.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu   sync.Mutex
	read [2]time.Time // when the files were written that were read last
	last *tls.Certificate
}

// get implements tls.Config.GetCertificate. The error is that of the first reading: later ones keep what there is.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.look(); err != nil && c.last == nil {
		return nil, err
	}
	return c.last, nil
}

// reread reads the files now, whenever they were written. The error says why they can't be used.
func (c *certificate) reread() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = [2]time.Time{}
	return c.look()
}

// look reads the files if they have changed. The error says why the last usable one is kept.
func (c *certificate) look() error {
	written := [2]time.Time{writtenAt(c.cert), writtenAt(c.key)}
	if c.last != nil && written == c.read {
		return nil
	}
	fresh, err := tls.LoadX509KeyPair(c.cert, c.key)
	switch {
	case err == nil:
		c.last = &fresh
	case c.last == nil:
		return err
	default:
		c.log.Warn("the certificate for operators can't be used: the one before is kept", "file", c.cert, "err", err)
	}
	c.read = written
	return err
}

func writtenAt(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
