package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/config"
)

// expendable is the name of such a process in the kernel, also after its end.
const expendable = "hotpair-spare"

// Expendable declares that nothing waits for this process after it was killed. SIGKILL does not end a call into a
// share that hangs, and a host must not wait for it. It is for a process that keeps nothing of the host's data and
// does nothing outward: killed, it can do no harm.
func Expendable(environ []string) error {
	told, err := config.Load[config.Inherited](environ)
	if err == nil && told.LifelineFD >= firstFD {
		err = unix.Close(told.LifelineFD)
	}
	if err == nil {
		err = rename()
	}
	if err != nil {
		return fmt.Errorf("release the parent's pipe: %w", err)
	}
	return nil
}

// rename gives the whole process that name: that of its first thread, which remains after its end.
func rename() error {
	fd, err := unix.Open("/proc/self/comm", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(expendable))
	return errors.Join(err, unix.Close(fd))
}

// Stuck reports whether a killed process of this user is expendable and hangs in the kernel: nothing of its program
// runs any more.
func Stuck(pid int) bool {
	directory := fmt.Sprintf("/proc/%d", pid)
	stat, err := os.ReadFile(directory + "/stat")
	name, state, found := nameAndState(stat)
	if err != nil || !found || name != expendable {
		return false
	}
	info, err := os.Stat(directory)
	if err != nil {
		return false
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	return known && int(owner.Uid) == os.Geteuid() && (state == 'D' || state == 'Z')
}

// nameAndState parses /proc/PID/stat; the name is in parentheses, and may contain anything.
func nameAndState(stat []byte) (name string, state byte, found bool) {
	from, to := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if from < 0 || to < from || len(stat) < to+3 {
		return "", 0, false
	}
	return string(stat[from+1 : to]), stat[to+2], true
}
