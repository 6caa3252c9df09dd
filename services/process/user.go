package process

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ErrUser says that a child can't run as a user; the text says why.
var ErrUser = errors.New("cannot run as this user")

// Identity is the user and group that a child runs as. Nil is as this process.
type Identity struct {
	name, home string
	uid, gid   uint32
}

// LookUp finds a user of this machine; nil for no name. Only root can start a child as somebody else. The error is ErrUser.
func LookUp(name string) (*Identity, error) {
	if name == "" {
		return nil, nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrUser, name, err)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrUser, name, err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrUser, name, err)
	}
	i := &Identity{name: name, home: found.HomeDir, uid: uint32(uid), gid: uint32(gid)}
	switch {
	case uid == 0:
		return nil, fmt.Errorf("%w: %q is root, who may everything", ErrUser, name)
	case os.Geteuid() != 0 && uint32(os.Geteuid()) != i.uid:
		return nil, fmt.Errorf("%w: %q, for this host was not started as root", ErrUser, name)
	}
	return i, nil
}

// credential is what exec needs; nil for as this process. Of this process's groups the child keeps none.
func (i *Identity) credential() *syscall.Credential {
	if i == nil || os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: i.uid, Gid: i.gid}
}

// environ gives what an environment says of its user.
func (i *Identity) environ() []string {
	if i.credential() == nil {
		return nil
	}
	return []string{"HOME=" + i.home, "USER=" + i.name, "LOGNAME=" + i.name}
}
