// Package usage reads the arguments, flags and secrets of commands that ask no host. An invalid one is
// operator.ErrUsage, in one line.
package usage

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
)

const (
	// LeastPassphrase is the minimal length of a new passphrase, in bytes.
	LeastPassphrase = 8
	// mostSecret bounds a secret that is read from a file, in bytes.
	mostSecret = 64 << 10
)

// Command makes a command with arguments whose context ends with Ctrl-C and SIGTERM.
func Command(use, short, long, example string, args cobra.PositionalArgs, run func(ctx context.Context, c *cobra.Command, args []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long + "\n\nExit code: 0 done, 1 failed, 2 wrong usage.", Example: example,
		SilenceUsage: true, SilenceErrors: true}
	wrong := func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", operator.ErrUsage, err, c.CommandPath())
	}
	c.Args = func(c *cobra.Command, given []string) error {
		if err := args(c, given); err != nil {
			return wrong(c, err)
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return run(ctx, c, given)
	}
	c.SetFlagErrorFunc(wrong)
	return c
}

// Exactly accepts n arguments; otherwise the error shows the usage.
func Exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		if len(given) != n {
			return fmt.Errorf("usage of %s: hotpair %s", c.Name(), c.Use)
		}
		return nil
	}
}

// Secret reads the file that a flag names, which may be a pipe of the shell, or - for standard input, which is in.
func Secret(in io.Reader, flag, name string) (string, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("%w: %s: %w", operator.ErrUsage, flag, err)
		}
		defer file.Close()
		in = file
	}
	raw, err := io.ReadAll(io.LimitReader(in, mostSecret+1))
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", operator.ErrUsage, flag, err)
	}
	if len(raw) > mostSecret {
		return "", fmt.Errorf("%w: %s: the file has more than %d bytes, too long for a secret", operator.ErrUsage, flag, mostSecret)
	}
	return string(raw), nil
}

// Passphrase returns the first line of Secret; "" for no file.
func Passphrase(in io.Reader, flag, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	text, err := Secret(in, flag, name)
	if err != nil {
		return "", err
	}
	words, _, _ := strings.Cut(text, "\n")
	if words = strings.TrimRight(words, "\r"); len(words) < LeastPassphrase {
		return "", fmt.Errorf("%w: %s: the first line has %d bytes, at least %d are needed", operator.ErrUsage, flag, len(words), LeastPassphrase)
	}
	return words, nil
}
