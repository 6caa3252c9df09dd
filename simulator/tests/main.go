// Command tests runs go test with the arguments it gets (./... when there are none), shows what each package came to, what the tests that
// failed said, and at the end, in one line, what was skipped: go test is silent about that, and a suite that skips half of
// itself looks like one that passed. It ends as go test does.
//
//	go run ./simulator/tests
//	go run ./simulator/tests -race ./bus/...
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"./..."}
	}
	command := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "go test can't be started:", err)
		os.Exit(1)
	}
	r := newReport(os.Stdout)
	began := time.Now()
	err = r.read(out)
	ended := command.Wait()
	r.summary(time.Since(began))
	var status *exec.ExitError
	switch {
	case errors.As(ended, &status):
		os.Exit(max(status.ExitCode(), 1))
	case ended != nil || err != nil:
		fmt.Fprintln(os.Stderr, errors.Join(ended, err))
		os.Exit(1)
	}
}

// event is one line of go test -json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// maxSaid bounds what is kept of one test that says much, in bytes: the end of it.
const maxSaid = 256 << 10

// report gathers events.
type report struct {
	w       io.Writer
	said    map[string]*bytes.Buffer // by package and test, of those that have not ended
	passed  int
	failed  []string
	skipped []string
}

func newReport(w io.Writer) *report { return &report{w: w, said: map[string]*bytes.Buffer{}} }

// read takes all events. What is no event is shown as it is.
func (r *report) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				r.take(e)
			} else {
				fmt.Fprintf(r.w, "%s", line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("go test: %w", err)
		}
	}
}

func (r *report) take(e event) {
	name := strings.Trim(e.Package+" "+e.Test, " ")
	switch e.Action {
	case "output", "build-output":
		if e.Action == "build-output" {
			fmt.Fprint(r.w, e.Output)
			return
		}
		said := r.said[name]
		if said == nil {
			said = new(bytes.Buffer)
			r.said[name] = said
		}
		said.WriteString(e.Output)
		if over := said.Len() - maxSaid; over > 0 {
			said.Next(over)
		}
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	said := r.said[name]
	delete(r.said, name)
	switch {
	case e.Test != "" && e.Action == "skip":
		r.skipped = append(r.skipped, fmt.Sprintf("%s (%s)", name, why(said)))
	case e.Action == "fail":
		r.failed = append(r.failed, name)
		if said != nil {
			fmt.Fprintf(r.w, "%s", said)
		}
	case e.Test == "" && e.Action == "pass":
		r.passed++
		fmt.Fprintf(r.w, "ok    %s %.1fs\n", e.Package, e.Elapsed)
	}
}

// why is what a test said last before it skipped itself.
func why(said *bytes.Buffer) string {
	if said == nil {
		return "it says not why"
	}
	reason := "it says not why"
	for line := range strings.Lines(said.String()) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			reason = line
		}
	}
	return reason
}

// summary says what it came to.
func (r *report) summary(took time.Duration) {
	fmt.Fprintf(r.w, "\n%d packages passed in %s", r.passed, took.Round(time.Second))
	if len(r.failed) > 0 {
		fmt.Fprintf(r.w, "; FAILED: %s", strings.Join(r.failed, ", "))
	}
	fmt.Fprintln(r.w)
	if len(r.skipped) > 0 {
		fmt.Fprintf(r.w, "SKIPPED, SO NOT TRIED: %d tests: %s\n", len(r.skipped), strings.Join(r.skipped, "; "))
	} else {
		fmt.Fprintln(r.w, "nothing was skipped")
	}
}
