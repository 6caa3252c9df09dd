// Package roster handles lists of terminals on the command line: rows of arguments and files, changes split into
// calls, and the tokens with which terminals enrol.
package roster

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/regular"
)

const (
	// longest bounds a line of a file, in bytes.
	longest = 4096
	// namedFaults is how many bad rows are named, one on each line; the others are counted.
	namedFaults = 20
)

// Row is one row about a terminal.
type Row struct {
	Text string
	// Where it stands, like tills.txt:17; empty for an argument.
	Where string
}

// Read returns the rows of arguments and of a file, "-" being standard input. Empty lines and those that begin with #
// are skipped.
func Read(args []string, name string, stdin io.Reader) (rows []Row, err error) {
	for _, a := range args {
		rows = append(rows, Row{Text: a})
	}
	if name == "" {
		return rows, nil
	}
	from := stdin
	if name == "-" {
		name = "standard input"
	} else {
		file, err := regular.Open(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", operator.ErrUsage, err)
		}
		defer file.Close()
		from = file
	}
	in := bufio.NewScanner(from)
	in.Buffer(nil, longest)
	n := 0
	for in.Scan() {
		n++
		line := strings.TrimSpace(strings.TrimPrefix(in.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if rows = append(rows, Row{line, fmt.Sprintf("%s:%d", name, n)}); len(rows) > bus.MaxTerminals {
			return nil, fmt.Errorf("%w: %s has more than %d terminals", operator.ErrUsage, name, bus.MaxTerminals)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s:%d: %w", operator.ErrUsage, name, n+1, err)
	}
	return rows, nil
}

// Terminals parses rows of the form ID=nats://HOST:PORT. The error names every invalid row, and every row with the id
// or address of another one, so that no change stops in the middle.
func Terminals(rows []Row) (add []operator.TerminalAddress, err error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: name terminals, as ID=nats://HOST:PORT", operator.ErrUsage)
	}
	var bad faults
	ids, addresses := map[string]Row{}, map[string]Row{}
	for _, r := range rows {
		id, address, _ := strings.Cut(r.Text, "=")
		if err := config.CheckTerminal(id, address); err != nil {
			bad.add(r, fmt.Sprintf("%v; write ID=nats://HOST:PORT", err))
			continue
		}
		if first, twice := ids[id]; twice {
			bad.add(r, "the same id as "+first.name())
		} else if first, twice := addresses[address]; twice {
			bad.add(r, "the same address as "+first.name())
		}
		ids[id], addresses[address] = r, r
		add = append(add, operator.TerminalAddress{ID: id, Address: address})
	}
	return add, bad.err()
}

// IDs parses rows that begin with an id; text after = is ignored, so that the file with which terminals were added can
// be used.
func IDs(rows []Row) (ids []string, err error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: name terminals, or --file", operator.ErrUsage)
	}
	var bad faults
	seen := map[string]Row{}
	for _, r := range rows {
		id, _, _ := strings.Cut(r.Text, "=")
		if err := config.CheckTerminal(id, "nats://127.0.0.1:1"); err != nil {
			bad.add(r, err.Error())
			continue
		}
		if first, twice := seen[id]; twice {
			bad.add(r, "the same id as "+first.name())
		}
		seen[id] = r
		ids = append(ids, id)
	}
	return ids, bad.err()
}

// name names a row in messages.
func (r Row) name() string {
	if r.Where == "" {
		return fmt.Sprintf("%q", wording.Printable(r.Text))
	}
	return r.Where
}

// faults collects what is wrong with rows.
type faults struct {
	named []string
	all   int
}

func (f *faults) add(r Row, why string) {
	if f.all++; f.all > namedFaults {
		return
	}
	text := fmt.Sprintf("terminal %q: %s", wording.Printable(r.Text), why)
	if r.Where != "" {
		text = r.Where + ": " + text
	}
	f.named = append(f.named, text)
}

// err is nil when nothing is wrong.
func (f *faults) err() error {
	switch {
	case f.all == 0:
		return nil
	case f.all == 1:
		return fmt.Errorf("%w: %s", operator.ErrUsage, f.named[0])
	case f.all > namedFaults:
		f.named = append(f.named, fmt.Sprintf("and %d more", f.all-namedFaults))
	}
	return fmt.Errorf("%w: %d of the terminals can't be used, and nothing was done:\n  %s", operator.ErrUsage, f.all, strings.Join(f.named, "\n  "))
}

// InParts makes a change in parts that each fit into a call.
func InParts[T any](c *cobra.Command, what string, all []T, change func([]T) (operator.TerminalsChanged, error)) (done operator.TerminalsChanged, err error) {
	bar := screen.NewProgress(c.ErrOrStderr(), what)
	defer bar.End()
	began := false
	for at := 0; at < len(all); at += operator.MaxChanged {
		part := all[at:min(at+operator.MaxChanged, len(all))]
		if done, err = change(part); err != nil {
			if at > 0 {
				return done, fmt.Errorf("terminals %s: the first %d are done, then: %w", what, at, err)
			}
			return done, fmt.Errorf("terminals %s: %w", what, err)
		}
		began = began || done.Began
		bar.Show(float64(at+len(part))/float64(len(all)), wording.Count(uint64(at+len(part)), "terminal"))
	}
	done.Began = began
	return done, nil
}
