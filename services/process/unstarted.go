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

// longestInterpreter is how much of a script's first line the kernel reads.
const longestInterpreter = 256

// explained adds to an error of exec what the kernel leaves out: for a script whose interpreter is missing, it
// reports that the script, which exists, does not.
func explained(err error, path string) error {
	switch {
	case errors.Is(err, syscall.ENOENT):
		if info, gone := os.Stat(path); gone != nil || info.IsDir() {
			return err
		}
		interpreter, script := interpreterOf(path)
		switch {
		case !script:
			return fmt.Errorf("%w: the file exists, but its loader does not: it was built for another system", err)
		case strings.HasSuffix(interpreter, "\r"):
			return fmt.Errorf("%w: the file exists, but its #! line ends with a carriage return: save it with Unix line endings", err)
		}
		return fmt.Errorf("%w: the file exists, but the interpreter %s in its #! line does not", err, interpreter)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%w: %s is neither a program for this machine nor a script with a #! line", err, path)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: this user may not execute %s: check chmod +x, its directories and a noexec mount", err, path)
	}
	return err
}

// interpreterOf returns the interpreter in the first line of a script.
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
