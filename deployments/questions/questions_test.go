package questions

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/operator"
)

func TestQuestions_AreAskedAgainUntilAnswered(t *testing.T) {
	var out bytes.Buffer
	q := New(t.Context(), strings.NewReader("\n7\n\nshop\n"), &out)
	short := func(s string) error {
		if len(s) < 3 {
			return errors.New("it is too short")
		}
		return nil
	}
	if got, err := q.Ask("Name", "", short); err == nil && got != "shop" {
		t.Errorf("%q, %v", got, err)
	}
	if !strings.Contains(out.String(), "An answer is required") || !strings.Contains(out.String(), "too short") {
		t.Errorf("%s", out.String())
	}
	q = New(t.Context(), strings.NewReader("\n\nyes\n\nq"), &out)
	if got, err := q.Ask("Name", "initial", short); err != nil || got != "initial" || !strings.Contains(out.String(), "Name [initial]: ") {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := q.Optional("List", short); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	if yes, err := q.Confirm("Go on?"); err != nil || !yes {
		t.Errorf("%t, %v", yes, err)
	}
	if yes, err := q.Confirm("Go on?"); err != nil || yes {
		t.Errorf("an empty line is a yes: %t, %v", yes, err)
	}
	if yes, err := q.Confirm("Go on?"); err != nil || yes {
		t.Errorf("q is a yes: %t, %v", yes, err)
	}
	if _, err := q.Ask("Name", "initial", nil); !errors.Is(err, operator.ErrUsage) {
		t.Errorf("after the end: %v", err)
	}
}

func TestQuestions_GiveUp(t *testing.T) {
	never := func(string) error { return errors.New("no") }
	q := New(t.Context(), strings.NewReader(strings.Repeat("x\n", 100)), io.Discard)
	if _, err := q.Ask("Name", "", never); !errors.Is(err, operator.ErrUsage) {
		t.Errorf("%v", err)
	}
	q = New(t.Context(), strings.NewReader("long enough\nand another\nshort\n"+strings.Repeat("1234567\n", 10)), io.Discard)
	if words, err := q.Secret("Passphrase", true); !errors.Is(err, operator.ErrUsage) || words != "" {
		t.Errorf("%q, %v", words, err)
	}
}

// terminal gives both ends of a terminal.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("SKIPPED: no terminals here: " + err.Error())
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(program.Close(), person.Close()) })
	return person, program
}

// TestSecret_IsNotShown: what is typed does not appear on the terminal, and its echo is back afterwards, also when nobody answers.
func TestSecret_IsNotShown(t *testing.T) {
	person, program := terminal(t)
	if !IsTerminal(program) || IsTerminal(strings.NewReader("")) {
		t.Error("a terminal is not known as one")
	}
	echo := func() bool {
		s, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return s.Lflag&unix.ECHO != 0
	}
	asked := make(chan string, 1)
	go func() { // types when asked
		var seen []byte
		buf := make([]byte, 256)
		for said := 0; ; {
			n, err := person.Read(buf)
			if seen = append(seen, buf[:n]...); err != nil {
				asked <- string(seen)
				return
			}
			if asks := strings.Count(string(seen), ": "); asks > said {
				said = asks
				if _, err := person.WriteString("correct horse\n"); err != nil {
					asked <- err.Error()
					return
				}
			}
			if strings.Contains(string(seen), "END") {
				asked <- string(seen)
				return
			}
		}
	}()
	words, err := New(t.Context(), program, program).Secret("Passphrase", true)
	if err != nil || words != "correct horse" {
		t.Errorf("%q, %v", words, err)
	}
	if _, err := program.WriteString("END\n"); err != nil {
		t.Fatal(err)
	}
	if seen := <-asked; strings.Contains(seen, "horse") {
		t.Errorf("the terminal shows %q", seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ctx, program, io.Discard).Secret("Passphrase", false); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if !echo() {
		t.Error("the echo is gone")
	}
}
