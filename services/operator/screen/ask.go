package screen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNotConfirmed says that something else was typed than what would have been accepted.
var ErrNotConfirmed = errors.New("not confirmed, nothing was done")

// Confirm asks for what must be accepted, and takes nothing else. The error is ErrNotConfirmed, or why ctx ended.
func Confirm(ctx context.Context, in io.Reader, out io.Writer, want string) error {
	fmt.Fprintf(out, "Type %s to go on, anything else to stop: ", want)
	line, err := bufio.NewReader(io.LimitReader(Input(ctx, in), 200)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != want {
		return ErrNotConfirmed
	}
	return nil
}

// Input gives what comes from in for as long as ctx lives. A read from a terminal or a pipe can't be ended: who waited in one would be
// deaf to the signals that end ctx. What is read when ctx ends is lost, with the command that wanted it.
func Input(ctx context.Context, in io.Reader) io.Reader { return input{ctx, in} }

type input struct {
	ctx context.Context
	in  io.Reader
}

func (i input) Read(b []byte) (int, error) {
	type result struct {
		read []byte
		err  error
	}
	got := make(chan result, 1)
	go func() {
		own := make([]byte, len(b)) // it may be read into when nobody wants it any more
		n, err := i.in.Read(own)
		got <- result{own[:n], err}
	}()
	select {
	case r := <-got:
		return copy(b, r.read), r.err
	case <-i.ctx.Done():
		return 0, context.Cause(i.ctx)
	}
}
