package install

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"syscall"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
)

// Process is the process of a machine that has joined.
type Process struct {
	Command string // of hotpair
	Environ []string
	Data    string
}

// ProcessOf reads what this machine has joined as, and returns its process with the environment that its unit would
// give it.
func ProcessOf(root string, environ []string) (Process, error) {
	m, p, err := member(root)
	if err != nil {
		return Process{}, err
	}
	if m.State != joined {
		return Process{}, fmt.Errorf("%w yet: it is %s; run hotpair join again", ErrNoMember, m.State)
	}
	run := Process{Command: "supervisor", Environ: config.Passed(environ), Data: p.Data}
	if m.identity().Role == identity.RoleWitness {
		run.Command = "witness"
	}
	for _, path := range []string{p.settingsFile(m.identity().Role), p.Overrides} {
		lines, err := readEnviron(p.on(path))
		if err != nil {
			return Process{}, err
		}
		for _, line := range lines { // later ones take precedence
			name, _, _ := strings.Cut(line, "=")
			run.Environ = append(slices.DeleteFunc(run.Environ, func(e string) bool { return strings.HasPrefix(e, name+"=") }), line)
		}
	}
	return run, nil
}

// Exec becomes the process; if this one is root, as the user of the units. It returns only if that fails.
func (r Process) Exec(program string) error {
	environ := r.Environ
	if os.Geteuid() == 0 {
		found, err := user.Lookup(User)
		if err != nil {
			return fmt.Errorf("run as the user %s: %w", User, err)
		}
		who, err := accountOf(found.Uid, found.Gid)
		if err == nil && who.uid == 0 {
			err = errors.New("that is root")
		}
		if err == nil {
			err = errors.Join(syscall.Setgroups([]int{who.gid}), syscall.Setgid(who.gid), syscall.Setuid(who.uid))
		}
		if err != nil {
			return fmt.Errorf("run as the user %s: %w", User, err)
		}
		environ = append(slices.DeleteFunc(slices.Clone(environ), func(e string) bool { return strings.HasPrefix(e, "HOME=") }), "HOME="+r.Data)
	}
	return syscall.Exec(program, []string{program, r.Command}, environ)
}
