package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

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
				all.Terminals = slices.DeleteFunc(all.Terminals, func(r operator.TerminalRow) bool { return !troubled(r) })
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
func allTerminals(ctx context.Context, client *operator.Client, bar *progress) (all operator.TerminalsPage, err error) {
	defer bar.end()
	all.Terminals = []operator.TerminalRow{}
	for after := ""; ; {
		page, err := operator.CallTerminals.Ask(ctx, client, operator.TerminalsRequest{After: after, Limit: operator.MaxTerminals})
		if err != nil {
			return all, err
		}
		page.Terminals = append(all.Terminals, page.Terminals...)
		more := page.More && len(page.Terminals) > len(all.Terminals)
		all = page
		bar.show(float64(len(all.Terminals))/float64(max(all.Total, 1)), wording.Count(uint64(len(all.Terminals)), "terminal"))
		if !more {
			all.More = false
			return all, nil
		}
		after = all.Terminals[len(all.Terminals)-1].ID
	}
}

// troubled reports whether a host that answered is not connected to the terminal.
func troubled(r operator.TerminalRow) bool {
	for _, seen := range r.Hosts {
		if seen.State != "attached" && seen.State != "warm" {
			return true
		}
	}
	return len(r.Hosts) == 0
}

func terminalsScreen(s *screen, p operator.TerminalsPage) {
	hosts := []string{}
	slices.SortFunc(p.Hosts, func(a, b operator.TerminalsHost) int { return strings.Compare(a.Host, b.Host) })
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
		line := pad(wording.Fit(r.ID, 19), 20) + pad(wording.Fit(r.Address, 35), 36)
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
	if p.Source == operator.SourceTable {
		from = fmt.Sprintf("from the table in the database, revision %d", p.Revision)
	}
	s.line("")
	for _, line := range wording.Wrap(wording.Count(uint64(len(p.Terminals)), "terminal")+ofTotal(len(p.Terminals), p.Total)+", "+from, width) {
		s.line(line)
	}
}

func ofTotal(shown, total int) string {
	if shown == total {
		return ""
	}
	return " of " + wording.Grouped(uint64(total))
}

func seenWord(seen operator.TerminalSeen) string {
	switch {
	case seen.State == "":
		return "not told yet"
	case seen.RTTMS > 0 && (seen.State == "attached" || seen.State == "warm"):
		return fmt.Sprintf("%s, %.1f ms", seen.State, seen.RTTMS)
	}
	return seen.State
}
