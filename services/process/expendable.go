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

// expendable is the name that the kernel knows such a process by, also after its end.
const expendable = "hotpair-spare"

// Expendable has nobody wait for this process once it was killed. A call into a share that hangs is not ended by SIGKILL, and a host must
// not wait with it. It is for a process that keeps nothing of the host's and does nothing outward: killed, it can do no harm.
func Expendable(environ []string) error {
	told, err := config.Load[config.Inherited](environ)
	if err == nil && told.LifelineFD >= firstFD {
		err = unix.Close(told.LifelineFD)
	}
	if err == nil {
		err = rename()
	}
	if err != nil {
		return fmt.Errorf("let nobody wait: %w", err)
	}
	return nil
}

// rename gives the whole process that name: it is the first thread's, which stands for it after its end.
func rename() error {
	fd, err := unix.Open("/proc/self/comm", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(expendable))
	return errors.Join(err, unix.Close(fd))
}

// Stuck reports whether a process of this user's that was killed is one of those, and hangs in the kernel: nothing of its program runs again.
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

// nameAndState are in the text of /proc/PID/stat; the name is in parentheses, and may hold anything.
func nameAndState(stat []byte) (name string, state byte, found bool) {
	from, to := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if from < 0 || to < from || len(stat) < to+3 {
		return "", 0, false
	}
	return string(stat[from+1 : to]), stat[to+2], true
}
