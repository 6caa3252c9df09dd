package process

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// longestWords bounds a child's reason for its end, in bytes.
const longestWords = 1 << 10

// lastWordsFile makes a file in memory in which a child writes why it ends: an exit code tells an operator nothing,
// and the full reason is in a log on another machine. It needs no reader while the child runs. A child that gives no
// reason, or is killed, leaves it empty.
func lastWordsFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("hotpair-last-words", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "last words"), nil
}

// readLastWords returns the child's text as one line: the child may be any program.
func readLastWords(file *os.File) string {
	text := make([]byte, longestWords)
	n, err := file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return oneLine(text[:n])
}

// oneLine makes the text of a program one line that is safe for a screen.
func oneLine(text []byte) string {
	return strings.Join(strings.FieldsFunc(string(text), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar
	}), " ")
}

// SayLastWords tells the parent why this process ends. Without a parent that listens it does nothing.
func SayLastWords(environ []string, reason error) {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if name != lastWordsVariable {
			continue
		}
		fd, err := strconv.Atoi(value)
		var stat unix.Stat_t
		if err != nil || fd < 3 || unix.Fstat(fd, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG {
			return // the environment of a child was copied
		}
		text := reason.Error()
		// The process ends and its log says the same, so an error here is ignored.
		_, _ = unix.Pwrite(fd, []byte(text[:min(len(text), longestWords)]), 0)
		return
	}
}
