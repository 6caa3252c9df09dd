// Package questions asks questions at a terminal.
package questions

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
)

const (
	// attempts are how often a question is asked again.
	attempts = 5
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 64 << 10
)

// IsTerminal reports whether a person can be asked.
func IsTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Questions asks a person.
type Questions struct {
	ctx  context.Context
	from io.Reader // the input as it came, for its echo
	in   *bufio.Reader
	out  io.Writer
}

// New asks on out and reads answers from in, until ctx ends.
func New(ctx context.Context, in io.Reader, out io.Writer) *Questions {
	return &Questions{ctx, in, bufio.NewReader(io.LimitReader(screen.Input(ctx, in), maxAnswer)), out}
}

// Say prints a sentence.
func (q *Questions) Say(text string) { fmt.Fprintln(q.out, text) }

func (q *Questions) line(prompt string) (string, error) {
	fmt.Fprint(q.out, prompt+": ")
	line, err := q.in.ReadString('\n')
	if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: the input ended before all questions were answered; nothing was done", operator.ErrUsage)
		}
		return "", err
	}
	return strings.TrimSpace(line), nil
}

// Ask asks until check accepts the answer. An empty answer means the initial one, if there is one.
func (q *Questions) Ask(question, initial string, check func(string) error) (string, error) {
	prompt := question
	if initial != "" {
		prompt += " [" + initial + "]"
	}
	for range attempts {
		answer, err := q.line(prompt)
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = initial
		}
		switch {
		case answer == "":
			q.Say("  An answer is required.")
			continue
		case check == nil:
			return answer, nil
		}
		if err = check(answer); err == nil {
			return answer, nil
		}
		q.Say("  " + err.Error())
	}
	return "", fmt.Errorf("%w: no valid answer to: %s; nothing was done", operator.ErrUsage, question)
}

// Optional is Ask for an answer that may be empty.
func (q *Questions) Optional(question string, check func(string) error) (string, error) {
	for range attempts {
		answer, err := q.line(question)
		if err != nil || answer == "" {
			return "", err
		}
		if err = check(answer); err == nil {
			return answer, nil
		}
		q.Say("  " + err.Error())
	}
	return "", fmt.Errorf("%w: no valid answer to: %s; nothing was done", operator.ErrUsage, question)
}

// Secret asks for a passphrase without showing it. A new one is asked for twice, and may be empty.
func (q *Questions) Secret(question string, fresh bool) (string, error) {
	for range attempts {
		words, err := q.hidden(question)
		if err != nil {
			return "", err
		}
		switch {
		case words == "" || !fresh:
			return words, nil
		case len(words) < usage.LeastPassphrase:
			q.Say(fmt.Sprintf("  It has %d bytes; at least %d are needed.", len(words), usage.LeastPassphrase))
			continue
		}
		again, err := q.hidden("The same again")
		if err != nil {
			return "", err
		}
		if again == words {
			return words, nil
		}
		q.Say("  The two passphrases differ.")
	}
	return "", fmt.Errorf("%w: no passphrase was entered twice alike; nothing was done", operator.ErrUsage)
}

// hidden is line with the echo of the terminal switched off.
func (q *Questions) hidden(prompt string) (string, error) {
	f, ok := q.from.(*os.File)
	if !ok {
		return q.line(prompt)
	}
	was, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return q.line(prompt)
	}
	silent := *was
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, &silent); err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	words, err := q.line(prompt)
	q.Say("")
	return words, errors.Join(err, unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, was))
}

// Confirm asks for a yes. Anything else means no.
func (q *Questions) Confirm(question string) (bool, error) {
	answer, err := q.line(question + " (yes or no) [no]")
	return strings.EqualFold(answer, "yes") || strings.EqualFold(answer, "y"), err
}
