package scaffold

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// NewCommand returns "hotpair service new".
func NewCommand() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use:   "new NAME --lang " + strings.Join(Languages(), "|"),
		Short: "Create the folder of a new service, with a build and a test",
		Long: `Create the folder of a new service, with a build and a test. The example service counts:
replace it by your own. Run hotpair dev in the folder to run it on a pair on this machine.

NAME is 1 to 32 lower-case letters, digits or hyphens. The folder must be new or empty.

A service in Python has its runtime in its folder and needs only Python 3.9. One in TypeScript
has its runtime in its folder too; it needs Node 18.20 or newer, and npm, which fetches the
compiler and the NATS client on the first build. One in Go is its own module; unless this hotpair
is a release, it builds with a source folder (the one that hotpair was built from, or --replace).`,
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
	f.StringVar(&o.Dir, "dir", "", "folder to create (default: NAME in the current folder)")
	f.StringVar(&o.Replace, "replace", "", "for Go: the clone of hotpair to build with")
	return c
}

// say tells what was made, and what to do next.
func (m Made) say(to io.Writer, o Options) error {
	text := &strings.Builder{}
	fmt.Fprintf(text, "created service %s in %s; start with %s\n", o.Name, m.Dir, m.Begin)
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
