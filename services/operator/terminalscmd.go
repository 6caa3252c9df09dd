package operator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
)

// terminalsCommand is hotpair terminals with what can be done to them.
func terminalsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "terminals", Short: "List, add, remove and probe the terminals of the pair",
		Long: `The terminals that both hosts dial. They come from HOTPAIR_TERMINALS until the first change made here; from then on
from a table in the replicated database, on both hosts alike, and a change takes effect at once, without a restart.`,
		Example: `  hotpair terminals list
  hotpair terminals probe                          # what is wrong with those that are unreachable?
  hotpair terminals add till-7=nats://10.0.3.7:4222
  hotpair terminals key till-7                     # what the new terminal must be given
  hotpair terminals remove till-6`,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("%w: hotpair terminals takes list, add, remove, probe or key, not %q", ErrUsage, args[0])
	}
	c.AddCommand(terminalsList(), terminalsAdd(), terminalsRemove(), terminalsProbe(), terminalsKey())
	return c
}

func terminalsList() *cobra.Command {
	f := &flags{}
	var problems bool
	c := argued("list", "List the terminals, and what each host has with them",
		`Lists the terminals in the order of their ids. For each host: attached (served by it), warm (connected, would be served at
once after a takeover), unreachable or refused, with the reason below.`,
		`  hotpair terminals list
  hotpair terminals list --problems                # only those that a host can't serve
  hotpair terminals list --json | jq -r '.terminals[] | select(.hosts.a.state == "unreachable") | .id'`,
		f, cobra.NoArgs, func(ctx context.Context, c *cobra.Command, _ []string) error {
			client, _, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			all, err := allTerminals(ctx, client, newProgress(c.ErrOrStderr(), "terminals"))
			if err != nil {
				return fmt.Errorf("terminals: %w", err)
			}
			if problems {
				all.Terminals = slices.DeleteFunc(all.Terminals, func(r TerminalRow) bool { return !r.troubled() })
			}
			if f.json {
				return printJSON(c, all)
			}
			s := &screen{colour: isTerminal(c.OutOrStdout())}
			terminalsScreen(s, all)
			fmt.Fprint(c.OutOrStdout(), s.out.String())
			return nil
		})
	c.Flags().BoolVar(&problems, "problems", false, "only terminals that a host is not connected to")
	return c
}

// allTerminals reads all pages into one.
func allTerminals(ctx context.Context, client *Client, bar *progress) (all TerminalsPage, err error) {
	defer bar.end()
	all.Terminals = []TerminalRow{}
	for after := ""; ; {
		page, err := client.Terminals(ctx, TerminalsRequest{After: after, Limit: mostTerminals})
		if err != nil {
			return all, err
		}
		page.Terminals = append(all.Terminals, page.Terminals...)
		more := page.More && len(page.Terminals) > len(all.Terminals)
		all = page
		bar.show(float64(len(all.Terminals))/float64(max(all.Total, 1)), count(uint64(len(all.Terminals)), "terminal"))
		if !more {
			all.More = false
			return all, nil
		}
		after = all.Terminals[len(all.Terminals)-1].ID
	}
}

// troubled reports whether a host that answered is not connected to the terminal.
func (r TerminalRow) troubled() bool {
	for _, seen := range r.Hosts {
		if seen.State != "attached" && seen.State != "warm" {
			return true
		}
	}
	return len(r.Hosts) == 0
}

func terminalsScreen(s *screen, p TerminalsPage) {
	hosts := []string{}
	slices.SortFunc(p.Hosts, func(a, b TerminalsHost) int { return strings.Compare(a.Host, b.Host) })
	for _, h := range p.Hosts {
		if h.Problem != "" {
			s.line("of " + h.Host + " nothing is known: " + h.Problem)
			continue
		}
		hosts = append(hosts, h.Host)
	}
	if len(p.Terminals) > 0 {
		line := pad("TERMINAL", 20) + pad("ADDRESS", 36)
		for _, h := range hosts {
			line += pad("HOST "+strings.ToUpper(h), 21)
		}
		s.line(line)
	}
	for _, r := range p.Terminals {
		line := pad(fit(r.ID, 19), 20) + pad(fit(r.Address, 35), 36)
		for _, h := range hosts {
			line += pad(seenWord(r.Hosts[h]), 21)
		}
		s.line(line)
		for _, h := range hosts {
			if seen := r.Hosts[h]; seen.Reason != "" {
				s.row("", h+": "+seen.Reason)
			}
		}
	}
	from := "from HOTPAIR_TERMINALS of each host; the first terminals add or remove makes a table of it"
	if p.Source == SourceTable {
		from = fmt.Sprintf("from the table in the database, revision %d", p.Revision)
	}
	s.line("")
	for _, line := range wrap(count(uint64(len(p.Terminals)), "terminal")+ofTotal(len(p.Terminals), p.Total)+", "+from, width) {
		s.line(line)
	}
}

func ofTotal(shown, total int) string {
	if shown == total {
		return ""
	}
	return " of " + grouped(uint64(total))
}

func seenWord(seen TerminalSeen) string {
	switch {
	case seen.State == "":
		return "not told yet"
	case seen.RTTMS > 0 && (seen.State == "attached" || seen.State == "warm"):
		return fmt.Sprintf("%s, %.1f ms", seen.State, seen.RTTMS)
	}
	return seen.State
}

func terminalsAdd() *cobra.Command {
	f := &flags{}
	var file string
	c := argued("add ID=nats://HOST:PORT...", "Add terminals",
		`Adds terminals to the table. Both hosts dial them at once; whoever serves attaches them. The agent at a new terminal needs its
id and its key, which the command names. Nothing is added if one of the terminals can't be: a wrong address, an id or
address that is there already. With --file many are added, 500 at a time.`,
		`  hotpair terminals add till-7=nats://10.0.3.7:4222
  hotpair terminals add --file new-tills.txt       # one ID=nats://HOST:PORT on each line; - is standard input
  hotpair terminals add till-8=nats://10.0.3.8:4222 && hotpair terminals probe till-8`,
		f, cobra.ArbitraryArgs, func(ctx context.Context, c *cobra.Command, args []string) error {
			if file != "" {
				lines, err := readLines(file, c.InOrStdin())
				if err != nil {
					return err
				}
				args = append(args, lines...)
			}
			add, err := parseTerminals(args)
			if err != nil {
				return err
			}
			client, _, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			done, err := inBatches(c, "add", add, func(part []TerminalAddress) (TerminalsChanged, error) { return client.AddTerminals(ctx, part) })
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(c, done)
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "%s added; the table has %d now\n", count(uint64(len(add)), "terminal"), done.Total)
			if done.Began {
				fmt.Fprintln(out, "HOTPAIR_TERMINALS no longer counts: its list is in the table")
			}
			fmt.Fprintf(out, "each agent needs HOTPAIR_TERMINAL_ID and its own HOTPAIR_TERMINAL_KEY: hotpair terminals key %s\n", printable(add[0].ID))
			return nil
		})
	c.Flags().StringVar(&file, "file", "", "read terminals from a file, one ID=nats://HOST:PORT on each line")
	return c
}

func terminalsRemove() *cobra.Command {
	f := &flags{}
	return argued("remove ID...", "Remove terminals",
		`Takes terminals out of the table. Both hosts leave them at once; requests that wait there wait on, until the terminal is
added again or they run out of time.`,
		`  hotpair terminals remove till-6
  hotpair terminals list --json | jq -r '.terminals[].id | select(startswith("test-"))' | xargs hotpair terminals remove`,
		f, cobra.MinimumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			client, _, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			done, err := inBatches(c, "remove", args, func(part []string) (TerminalsChanged, error) { return client.RemoveTerminals(ctx, part) })
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(c, done)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s removed; the table has %d now\n", count(uint64(len(args)), "terminal"), done.Total)
			return nil
		})
}

// inBatches makes a change in parts that fit into a call each.
func inBatches[T any](c *cobra.Command, what string, all []T, change func([]T) (TerminalsChanged, error)) (done TerminalsChanged, err error) {
	bar := newProgress(c.ErrOrStderr(), what)
	defer bar.end()
	began := false
	for at := 0; at < len(all); at += changeTerminals {
		part := all[at:min(at+changeTerminals, len(all))]
		if done, err = change(part); err != nil {
			if at > 0 {
				return done, fmt.Errorf("terminals %s: the first %d are done, then: %w", what, at, err)
			}
			return done, fmt.Errorf("terminals %s: %w", what, err)
		}
		began = began || done.Began
		bar.show(float64(at+len(part))/float64(len(all)), count(uint64(at+len(part)), "terminal"))
	}
	done.Began = began
	return done, nil
}

func parseTerminals(args []string) (add []TerminalAddress, err error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: name terminals, as ID=nats://HOST:PORT", ErrUsage)
	}
	for _, a := range args {
		id, address, _ := strings.Cut(a, "=")
		if err := config.CheckTerminal(id, address); err != nil {
			return nil, fmt.Errorf("%w: terminal %q: %w; write ID=nats://HOST:PORT", ErrUsage, printable(a), err)
		}
		add = append(add, TerminalAddress{ID: id, Address: address})
	}
	return add, nil
}

// readLines reads the lines of a file that are neither empty nor begin with #.
func readLines(name string, stdin io.Reader) (lines []string, err error) {
	from := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUsage, err)
		}
		defer file.Close()
		from = file
	}
	in := bufio.NewScanner(from)
	for in.Scan() {
		if line := strings.TrimSpace(in.Text()); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUsage, name, err)
	}
	return lines, nil
}

func terminalsProbe() *cobra.Command {
	f := &flags{}
	return argued("probe [ID...]", "Dial terminals now, from both hosts, and say what is wrong",
		`Dials the terminals named, or all, from both hosts, on connections of their own that disturb nothing, and says of each what is
there: ok, refused, unreachable, timeout, wrong-key, no-agent, other-agent, other-pair, version or higher-epoch, with
what to do about it. Exit code 1 if one of them is not ok.`,
		`  hotpair terminals probe                          # all of them
  hotpair terminals probe till-7                   # one
  hotpair terminals probe --json | jq '.terminals[] | select(any(.hosts[]; .outcome != "ok"))'`,
		f, cobra.ArbitraryArgs, func(ctx context.Context, c *cobra.Command, args []string) error {
			client, _, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			all, err := probeAll(ctx, client, args, newProgress(c.ErrOrStderr(), "probe"))
			if err != nil {
				return fmt.Errorf("probe: %w", err)
			}
			bad := all.bad()
			if f.json {
				if err := printJSON(c, all); err != nil {
					return err
				}
			} else {
				s := &screen{colour: isTerminal(c.OutOrStdout())}
				probeScreen(s, all)
				fmt.Fprint(c.OutOrStdout(), s.out.String())
			}
			if bad > 0 {
				return fmt.Errorf("probe: %w: %d of %s not ok", errProbe, bad, count(uint64(len(all.Terminals)), "terminal"))
			}
			return nil
		})
}

// errProbe makes a probe that found something end with exit code 1.
var errProbe = errors.New("terminals are in trouble")

func probeAll(ctx context.Context, client *Client, ids []string, bar *progress) (all ProbePage, err error) {
	defer bar.end()
	all.Terminals = []ProbedTerminal{}
	add := func(page ProbePage) {
		page.Terminals = append(all.Terminals, page.Terminals...)
		all = page
	}
	for at := 0; at < len(ids); at += probeTerminals {
		page, err := client.ProbeTerminals(ctx, ProbeRequest{IDs: ids[at:min(at+probeTerminals, len(ids))]})
		if err != nil {
			return all, err
		}
		add(page)
		bar.show(float64(len(all.Terminals))/float64(len(ids)), count(uint64(len(all.Terminals)), "terminal"))
	}
	if len(ids) > 0 {
		all.Total, all.More = len(all.Terminals), false
		return all, nil
	}
	for after := ""; ; {
		page, err := client.ProbeTerminals(ctx, ProbeRequest{After: after})
		if err != nil {
			return all, err
		}
		add(page)
		bar.show(float64(len(all.Terminals))/float64(max(all.Total, 1)), count(uint64(len(all.Terminals)), "terminal"))
		if !page.More || len(page.Terminals) == 0 {
			all.More = false
			return all, nil
		}
		after = all.Terminals[len(all.Terminals)-1].ID
	}
}

// bad counts terminals that are not ok from a host that answered.
func (p ProbePage) bad() (n int) {
	for _, t := range p.Terminals {
		for _, o := range t.Hosts {
			if o.Outcome != bus.ProbeOK {
				n++
				break
			}
		}
	}
	return n
}

func probeScreen(s *screen, p ProbePage) {
	var hosts []string
	for _, h := range p.Hosts {
		if h.Problem != "" {
			s.line("from " + h.Host + " nothing was dialled: " + h.Problem)
			continue
		}
		hosts = append(hosts, h.Host)
	}
	fine := 0
	for _, t := range p.Terminals {
		ok := len(t.Hosts) > 0
		for _, o := range t.Hosts {
			ok = ok && o.Outcome == bus.ProbeOK
		}
		if ok {
			fine++
			if len(p.Terminals) > 20 {
				continue // what is fine would hide what is not
			}
		}
		s.line(pad(t.ID, 20) + t.Address)
		for _, h := range hosts {
			o, found := t.Hosts[h]
			switch {
			case !found:
			case o.Outcome == bus.ProbeOK:
				s.row("  from "+h, fmt.Sprintf("ok, %.1f ms, epoch %d, served by %s", o.RTTMS, o.Epoch, orWord(o.Active, "nobody yet")))
			default:
				s.row("  from "+h, o.Outcome+": "+o.Detail)
				s.row("  ", "remedy: "+o.Remedy)
			}
		}
	}
	s.line("")
	level := Good
	if fine < len(p.Terminals) {
		level = Bad
	}
	s.headline(level, fmt.Sprintf("%d of %s ok from %s", fine, count(uint64(len(p.Terminals)), "terminal"), orWord(strings.Join(hosts, " and "), "nobody")))
}

func terminalsKey() *cobra.Command {
	f := &flags{}
	return argued("key ID", "Print the key of one terminal (a secret)",
		`Prints the key that the agent of a terminal must be given as HOTPAIR_TERMINAL_KEY. It is a secret: whoever has it can pose as a
host to that terminal, though to no other. It is derived from the pair secret, so the command is for a host: it reads
HOTPAIR_PAIR_SECRET or HOTPAIR_PAIR_SECRET_FILE, or with --dir the files of a cluster. Nothing is asked over a network, and the
terminal need not exist yet.`,
		`  hotpair terminals key till-7
  HOTPAIR_PAIR_SECRET_FILE=/etc/hotpair/secret hotpair terminals key till-7
  hotpair terminals key till-7 --json | jq -r .key | ssh till-7 'umask 77; cat >key'`,
		f, cobra.ExactArgs(1), func(_ context.Context, c *cobra.Command, args []string) error {
			if err := config.CheckTerminal(args[0], "nats://127.0.0.1:1"); err != nil {
				return fmt.Errorf("%w: terminal %q: %w", ErrUsage, printable(args[0]), err)
			}
			environ := f.env
			if f.dir != "" {
				var err error
				if environ, err = clusterSecret(f.dir); err != nil {
					return err
				}
			}
			secret, err := config.Load[config.PairKey](environ)
			if err != nil {
				return fmt.Errorf("%w: the key is derived from the pair secret: %w", ErrUsage, err)
			}
			key := config.TerminalKey(secret.PairSecret.Reveal(), args[0])
			if f.json {
				return printJSON(c, map[string]string{"id": args[0], "key": key})
			}
			if isTerminal(c.OutOrStdout()) {
				fmt.Fprintln(c.ErrOrStderr(), "SECRET: give it to the agent of "+args[0]+" and to nobody else")
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "HOTPAIR_TERMINAL_ID=%s\nHOTPAIR_TERMINAL_KEY=%s\n", args[0], key)
			return err
		})
}

// clusterSecret finds the pair secret of a cluster, as an environment.
func clusterSecret(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, clusterFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	var file struct {
		Hosts map[string]struct {
			Env map[string]string `json:"env"`
		} `json:"hosts"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUsage, clusterFile, err)
	}
	for _, h := range file.Hosts {
		if secret := h.Env["HOTPAIR_PAIR_SECRET"]; secret != "" {
			return []string{"HOTPAIR_PAIR_SECRET=" + secret}, nil
		}
	}
	return nil, fmt.Errorf("%w: %s in %s has no pair secret", ErrUsage, clusterFile, dir)
}
