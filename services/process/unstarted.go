package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// longestInterpreter is as far as the kernel reads a script's first line.
const longestInterpreter = 256

// explained says of an error of exec what the kernel leaves out: of a script whose interpreter does not exist it says that the script,
// which is there, does not.
func explained(err error, path string) error {
	switch {
	case errors.Is(err, syscall.ENOENT):
		if info, gone := os.Stat(path); gone != nil || info.IsDir() {
			return err
		}
		interpreter, script := interpreterOf(path)
		switch {
		case !script:
			return fmt.Errorf("%w: the file is there; what is missing is the loader that it was built for, so it is of another system", err)
		case strings.HasSuffix(interpreter, "\r"):
			return fmt.Errorf("%w: the file is there, but its first line, which names its interpreter, ends with a carriage return: write it with line ends of Unix", err)
		}
		return fmt.Errorf("%w: the file is there; its interpreter %s, which its first line names, is not", err, interpreter)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%w: %s is no program of this machine, and no script whose first line names its interpreter (#!)", err, path)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: this user may not execute %s: chmod +x, and look at its directories and whether the file system is mounted noexec", err, path)
	}
	return err
}

// interpreterOf gives what the first line of a script names.
func interpreterOf(path string) (interpreter string, script bool) {
	file, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer file.Close()
	head := make([]byte, longestInterpreter)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", false
	}
	rest, script := bytes.CutPrefix(head[:n], []byte("#!"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	name, _, _ := strings.Cut(strings.Trim(string(line), " \t"), " ")
	return name, script
}
