package scaffold

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// NewCommand is "hotpair service new".
func NewCommand() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use:   "new NAME --lang " + strings.Join(Languages(), "|"),
		Short: "Make the folder of a new service, which builds and has a test",
		Long: `Make the folder of a new service, which builds and has a test. It counts: replace that by
what yours is to do. hotpair dev, in the folder, runs it on a pair on this machine.

NAME is 1 to 32 lower-case letters, digits or hyphens. Nothing is written where there is
something already.

A service in Python has its runtime in its folder and needs Python 3.9 alone. One in TypeScript
has its runtime in its folder too; it needs Node 18.20 or newer and npm, which fetches the
compiler and the client of NATS when it is built first. One in Go is a module of its own; while
this hotpair is no release it is built with the source in a folder (the one that hotpair was
built from, or --replace).`,
		Example: `  hotpair service new tickets --lang python
  hotpair service new tickets --lang typescript
  hotpair service new tickets --lang go --dir ~/src/tickets`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: give one NAME for the service", ErrOption)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			made, err := New(o)
			if err != nil {
				return err
			}
			return made.say(cmd.OutOrStdout(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Language, "lang", "", "language: "+strings.Join(Languages(), ", "))
	f.StringVar(&o.Dir, "dir", "", "folder to make (default: NAME, here)")
	f.StringVar(&o.Replace, "replace", "", "for Go: a clone of hotpair to build with")
	return c
}

// say tells what was made, and what to do next.
func (m Made) say(to io.Writer, o Options) error {
	text := &strings.Builder{}
	fmt.Fprintf(text, "service %s is in %s; begin in %s\n", o.Name, m.Dir, m.Begin)
	for _, note := range m.Notes {
		fmt.Fprintf(text, "%s\n", note)
	}
	dir := m.Dir
	if here, err := os.Getwd(); err == nil {
		if near, err := filepath.Rel(here, dir); err == nil && !strings.HasPrefix(near, "..") {
			dir = near
		}
	}
	if strings.ContainsAny(dir, " '\"$\\*?") {
		dir = "'" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
	}
	fmt.Fprintf(text, `next:
  cd %s
  %-42s # its test
  %-42s # a pair on this machine that it serves
  %-42s # from another shell
`, dir, m.Test, "hotpair dev", `hotpair request `+o.Name+`.add '{"name":"a"}'`)
	_, err := io.WriteString(to, text.String())
	return err
}
