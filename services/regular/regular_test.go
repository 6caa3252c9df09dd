package regular

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFault_C15_NothingThatMayWaitIsRead: a pipe that nobody wrote to held the reader for ever, and a device gave no end.
func TestFault_C15_NothingThatMayWaitIsRead(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, file, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "file"), filepath.Join(dir, "link")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(file, []byte("12345"), 0o600), os.Symlink("file", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir, "/dev/zero", "/dev/tty"} {
		if _, err := Read(path, 10); err == nil || !errors.Is(err, ErrNotRegular) && path != "/dev/tty" { // which nobody may have here
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open(socket); err == nil {
		t.Error("a socket is opened")
	}
	for _, path := range []string{file, link} {
		if content, err := Read(path, 5); err != nil || string(content) != "12345" {
			t.Errorf("%s: %q, %v", path, content, err)
		}
	}
	if _, err := Read(file, 4); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, err := Read(filepath.Join(dir, "none"), 4); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
