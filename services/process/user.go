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

// Identity is the user and group that a child runs as. Nil means those of this process.
type Identity struct {
	name, home string
	uid, gid   uint32
}

// LookUp finds a user of this machine; nil for an empty name. Only root can start a child as another user. The error
// is ErrUser.
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
		return nil, fmt.Errorf("%w: %q is root: give a user without privileges", ErrUser, name)
	case os.Geteuid() != 0 && uint32(os.Geteuid()) != i.uid:
		return nil, fmt.Errorf("%w: %q: only a host started as root can run processes as another user", ErrUser, name)
	}
	return i, nil
}

// credential returns what exec needs; nil for this process's own user. The child keeps none of this process's groups.
func (i *Identity) credential() *syscall.Credential {
	if i == nil || os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: i.uid, Gid: i.gid}
}

// environ returns the variables of an environment that depend on the user.
func (i *Identity) environ() []string {
	if i.credential() == nil {
		return nil
	}
	return []string{"HOME=" + i.home, "USER=" + i.name, "LOGNAME=" + i.name}
}
