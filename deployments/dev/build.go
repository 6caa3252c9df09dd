package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/scaffold/folder"
)

// ErrBuild says that the build command of hotpair.json failed; the text contains its output.
var ErrBuild = errors.New("build failed")

const (
	// maxWords bounds the shown output of a build, in bytes: the beginning says what is wrong.
	maxWords = 16 << 10
	// afterBuild is how long a cancelled build may hold its output.
	afterBuild = time.Second
)

// build runs the build of a service, and checks its program. Errors: ErrBuild, folder.ErrInvalid.
func build(ctx context.Context, s folder.Service) error {
	if len(s.Build) > 0 {
		said := &head{most: maxWords}
		c := exec.CommandContext(ctx, s.Build[0], s.Build[1:]...)
		c.Dir, c.Stdout, c.Stderr, c.Env = s.Dir, said, said, append(os.Environ(), "PWD="+s.Dir)
		// All its children end with it.
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
		c.WaitDelay = afterBuild
		if err := c.Run(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%w: %s: %s: %w\n%s", ErrBuild, s.Name, strings.Join(s.Build, " "), err, said)
		}
	}
	return s.Runnable()
}

// head keeps the first bytes that are written.
type head struct {
	text bytes.Buffer
	most int
	more int
}

func (h *head) Write(p []byte) (int, error) {
	room := min(len(p), h.most-h.text.Len())
	h.text.Write(p[:room])
	h.more += len(p) - room
	return len(p), nil
}

// String returns what was kept, in lines that are safe for a screen.
func (h *head) String() string {
	text := strings.TrimRight(h.text.String(), "\n")
	if h.more > 0 {
		text += fmt.Sprintf("\n… and %d bytes", h.more)
	}
	return printable(text)
}
