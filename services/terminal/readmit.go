package terminal

import (
	"errors"
	"fmt"
	"path/filepath"
)

// ErrNothing says that an agent has not accepted an epoch yet.
var ErrNothing = errors.New("this terminal has accepted no epoch")

// Accepted is the last epoch that an agent has accepted, durably: it refuses every host of a lower epoch.
type Accepted struct {
	PairID   string `json:"pair_id"`
	Epoch    uint64 `json:"epoch"`
	Host     string `json:"host"`
	Identity string `json:"identity"` // of that host
}

// Readmit revokes the epoch that the agent of a directory has accepted, if confirm agrees: the next host that attaches
// is accepted, whatever its epoch, except the host of the revoked one. It is for a person at the terminal, when a
// foreign host has taken it over, like a restored copy; the agent must be stopped. Its request numbers and its
// receipts stay. Errors: ErrNothing, ErrInUse, ErrDamaged, ErrDisk, and that of confirm.
func Readmit(dir string, confirm func(Accepted) error) (was Accepted, err error) {
	if !hasStore(dir) {
		return was, fmt.Errorf("%w: there is no %s", ErrNothing, filepath.Join(dir, factsFile))
	}
	s, err := openStore(dir)
	if err != nil {
		return was, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	f := s.get()
	was = Accepted{PairID: f.PairID, Epoch: f.Epoch, Host: f.Host, Identity: f.Identity}
	if was.Epoch == 0 {
		return was, fmt.Errorf("%w: %s", ErrNothing, dir)
	}
	if err := confirm(was); err != nil {
		return was, err
	}
	return was, s.update(func(f *facts) {
		f.Epoch, f.Host, f.Identity, f.Attach = 0, "", "", 0
		f.Barred = was.Identity
	})
}

// barred returns why a host is refused whose epoch was revoked here, or "".
func (a *Agent) barred(host, identity string) string {
	if known := a.store.get().Barred; known == "" || identity != known {
		return ""
	}
	return fmt.Sprintf("the epoch of host %s (identity %s) was revoked at this terminal: the host is not of the terminal's pair", host, identity)
}
