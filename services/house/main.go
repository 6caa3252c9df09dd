// House prints the sizes and dependencies of the packages of this module. Package measure defines what is counted;
// the test beside it checks the bounds.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/hotpair/hotpair/services/house/measure"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const usage = `house prints figures of the packages of this module, without their tests.

  go run ./services/house            a table of all packages, and totals
  go run ./services/house PACKAGE…   the files of a package (services/operator) from top to bottom, and what they use
                                     upward: those arrows make a package hard to read and to split

`

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("house", flag.ExitOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	asJSON := flags.Bool("json", false, "print all measurements as JSON")
	root := flags.String("root", ".", "`folder` of go.mod")
	if err := flags.Parse(args); err != nil {
		return err
	}
	h, err := measure.Module(*root)
	switch {
	case err != nil:
		return err
	case *asJSON:
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(h)
	case flags.NArg() > 0:
		return floors(out, h, flags.Args())
	}
	return table(out, h)
}

// table prints a line per package, and totals.
func table(out io.Writer, h *measure.House) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "package\tlines\tfiles\tlongest file\tmost methods\tmost fields\tlargest interface\tarrows\tupward")
	lines, files := 0, 0
	for _, p := range h.Packages {
		lines, files = lines+p.Lines, files+p.Files
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%d\n", p.Path, p.Lines, p.Files, largest(p.LongestFile),
			largest(p.MostMethods), largest(p.MostFields), largest(p.LargestInterface), p.Arrows, len(p.Upward))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d packages, %d files, %d lines; %d arrows between packages, %d cycles\n",
		len(h.Packages), files, lines, h.Arrows, h.Circles)
	fmt.Fprintf(out, "%d string fields carry an error in messages\n", len(h.ErrorFields))
	for _, f := range h.ErrorFields {
		fmt.Fprintln(out, "  "+f)
	}
	fmt.Fprintf(out, "%d Example functions that go test runs\n", len(h.Examples))
	for _, e := range h.Examples {
		fmt.Fprintln(out, "  "+e)
	}
	return nil
}

func largest(l measure.Largest) string {
	if l.Count == 0 {
		return "-"
	}
	return fmt.Sprintf("%d %s", l.Count, l.Name)
}

// floors prints the files of packages in their order, and the arrows against it.
func floors(out io.Writer, h *measure.House, wanted []string) error {
	for _, path := range wanted {
		p := h.Package(path)
		if p == nil {
			return fmt.Errorf("no package %s: give its folder, for example services/operator", path)
		}
		fmt.Fprintf(out, "%s: %d arrows, %d upward\n", p.Path, p.Arrows, len(p.Upward))
		for _, f := range p.Floors {
			fmt.Fprintln(out, "  "+f)
			for _, up := range p.Upward {
				if up.From == f {
					fmt.Fprintf(out, "    upward: %s of %s\n", up.Name, up.To)
				}
			}
		}
	}
	return nil
}
