package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/roster"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func terminalsList() *cobra.Command {
	f := &flags{}
	var problems bool
	c := argued("list", "List the terminals, and their state at each host",
		`Lists the terminals in the order of their ids. For each host: attached (served by it), warm (connected, would be served at
once after a takeover), unreachable or refused, with the reason below.`,
		`  hotpair terminals list
  hotpair terminals list --problems                # only those that a host can't serve
  hotpair terminals list --json | jq -r '.terminals[] | select(.hosts.a.state == "unreachable") | .id'`,
		f, cobra.NoArgs, func(ctx context.Context, c *cobra.Command, _ []string) error {
			client, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			all, err := allTerminals(ctx, client, screen.NewProgress(c.ErrOrStderr(), "terminals"))
			if err != nil {
				return fmt.Errorf("terminals: %w", err)
			}
			if problems {
				all.Terminals = slices.DeleteFunc(all.Terminals, func(r operator.TerminalRow) bool { return !troubled(r) })
			}
			return f.show(c, all, func(s *screen.Screen) { terminalsScreen(s, all) })
		})
	c.Flags().BoolVar(&problems, "problems", false, "only terminals that a host is not connected to")
	return c
}

// allTerminals reads all pages into one.
func allTerminals(ctx context.Context, client *operator.Client, bar *screen.Progress) (all operator.TerminalsPage, err error) {
	defer bar.End()
	all.Terminals = []operator.TerminalRow{}
	for after := ""; ; {
		page, err := operator.CallTerminals.Ask(ctx, client, operator.TerminalsRequest{After: after, Limit: operator.MaxTerminals})
		if err != nil {
			return all, err
		}
		page.Terminals = append(all.Terminals, page.Terminals...)
		more := page.More && len(page.Terminals) > len(all.Terminals)
		all = page
		bar.Show(float64(len(all.Terminals))/float64(max(all.Total, 1)), wording.Count(uint64(len(all.Terminals)), "terminal"))
		if !more {
			all.More = false
			return all, nil
		}
		after = all.Terminals[len(all.Terminals)-1].ID
	}
}

// troubled reports whether a host is known not to be connected to the terminal.
func troubled(r operator.TerminalRow) bool {
	for _, seen := range r.Hosts {
		if seen.State != "attached" && seen.State != "warm" {
			return true
		}
	}
	return len(r.Hosts) == 0
}

func terminalsScreen(s *screen.Screen, p operator.TerminalsPage) {
	hosts := []string{}
	slices.SortFunc(p.Hosts, func(a, b operator.TerminalsHost) int { return strings.Compare(a.Host, b.Host) })
	for _, h := range p.Hosts {
		if h.Problem != "" {
			s.Line("nothing is known of " + h.Host + ": " + h.Problem)
			continue
		}
		hosts = append(hosts, h.Host)
	}
	if len(p.Terminals) > 0 {
		line := screen.Pad("TERMINAL", 20) + screen.Pad("ADDRESS", 36)
		for _, h := range hosts {
			line += screen.Pad("HOST "+strings.ToUpper(h), 21)
		}
		s.Line(line)
	}
	for _, r := range p.Terminals {
		line := screen.Pad(wording.Fit(r.ID, 19), 20) + screen.Pad(wording.Fit(r.Address, 35), 36)
		for _, h := range hosts {
			line += screen.Pad(seenWord(r.Hosts[h]), 21)
		}
		s.Line(line)
		if c := r.Certificate; c != nil {
			s.Row("", roster.CertificateWord(c))
		}
		for _, h := range hosts {
			if seen := r.Hosts[h]; seen.Reason != "" {
				s.Row("", h+": "+seen.Reason)
			}
		}
	}
	from := "from HOTPAIR_TERMINALS of each host; the first terminals add or remove moves them to a table"
	if p.Source == operator.SourceTable {
		from = fmt.Sprintf("from the table in the database, revision %d", p.Revision)
	}
	s.Line("")
	for _, line := range wording.Wrap(wording.Count(uint64(len(p.Terminals)), "terminal")+ofTotal(len(p.Terminals), p.Total)+", "+from, screen.Width) {
		s.Line(line)
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
		return "not known there yet"
	case seen.RTTMS > 0 && (seen.State == "attached" || seen.State == "warm"):
		return fmt.Sprintf("%s, %.1f ms", seen.State, seen.RTTMS)
	}
	return seen.State
}
