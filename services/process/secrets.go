package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/config"
)

// secretsVariable names the descriptor from which a child reads its secrets.
const secretsVariable = "HOTPAIR_SECRETS_FD"

// maxSecrets bounds the secrets, in bytes. They are in the buffer of a socket until the child reads them.
const maxSecrets = 64 << 10

// Seal protects this process from other programs of its user: its memory, its environment and its descriptors are
// unreadable, it can't be traced, and dumps no core. Root can still do all of that. Between a program's start and
// this call there are some milliseconds; only a separate user for business processes (HOTPAIR_BUSINESS_USER) closes
// that gap.
func Seal() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("protect memory from other programs: %w", err)
	}
	return nil
}

// Environ returns this process's environment with the secrets that its parent passed separately. An environment is
// inherited, copied and shown; secrets for one child are in neither environment. Call it once.
func Environ() ([]string, error) {
	environ := os.Environ()
	told, err := config.Load[config.Inherited](environ)
	if err != nil || told.SecretsFD == 0 {
		return environ, nil // a fault that loading the settings reports
	}
	if kind, err := unix.GetsockoptInt(told.SecretsFD, unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil || told.SecretsFD < firstFD || kind != unix.AF_UNIX {
		return nil, fmt.Errorf("%s=%d: %w", secretsVariable, told.SecretsFD, ErrDescriptor)
	}
	file := os.NewFile(uintptr(told.SecretsFD), "secrets")
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSecrets))
	if err != nil {
		return nil, fmt.Errorf("read what the parent passed: %w", err)
	}
	for entry := range strings.SplitSeq(string(text), "\x00") {
		if entry != "" {
			environ = append(environ, entry)
		}
	}
	return environ, nil
}

// apart takes the secrets out of a child's environment and returns the file from which it reads them; nil if there
// are none. It is a socket, not a pipe: a pipe could be reopened through /proc until the child calls Seal.
func apart(environ []string) (open []string, passed *os.File, err error) {
	open, secret := config.Apart(environ)
	if len(secret) == 0 {
		return open, nil, nil
	}
	text := strings.Join(secret, "\x00")
	if len(text) > maxSecrets {
		return nil, nil, fmt.Errorf("%d bytes of secrets, at most %d allowed", len(text), maxSecrets)
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("pass secrets: %w", err)
	}
	n, err := unix.SendmsgN(ends[0], []byte(text), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err = errors.Join(err, unix.Close(ends[0])); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("pass secrets: %w", err), unix.Close(ends[1]))
	}
	return open, os.NewFile(uintptr(ends[1]), "secrets of "+strconv.Itoa(os.Getpid())), nil
}
