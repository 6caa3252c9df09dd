package screen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNotConfirmed says that the typed text did not confirm.
var ErrNotConfirmed = errors.New("not confirmed, nothing was done")

// Confirm asks the user to type want, and accepts nothing else. The error is ErrNotConfirmed, or why ctx ended.
func Confirm(ctx context.Context, in io.Reader, out io.Writer, want string) error {
	fmt.Fprintf(out, "Type %s to continue, anything else to stop: ", want)
	line, err := bufio.NewReader(io.LimitReader(Input(ctx, in), 200)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != want {
		return ErrNotConfirmed
	}
	return nil
}

// Input returns a reader of in that ends with ctx. A read from a terminal or a pipe can't be interrupted: a command
// waiting in one would ignore the signals that end ctx. Input read after ctx has ended is lost.
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
		own := make([]byte, len(b)) // the read may end after the caller has returned
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
