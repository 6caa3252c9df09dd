package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func terminalsProbe() *cobra.Command {
	f := &flags{}
	return argued("probe [ID...]", "Dial terminals now, from both hosts, and say what is wrong",
		`Dials the named terminals, or all, from both hosts, on separate connections that do not disturb the service, and shows the
outcome of each: ok, refused, unreachable, timeout, wrong-key, no-agent, other-agent, other-pair, version or higher-epoch,
with what to do about it. Exit code 1 if one of them is not ok.`,
		`  hotpair terminals probe                          # all of them
  hotpair terminals probe till-7                   # one
  hotpair terminals probe --json | jq '.terminals[] | select(any(.hosts[]; .outcome != "ok"))'`,
		f, cobra.ArbitraryArgs, func(ctx context.Context, c *cobra.Command, args []string) error {
			client, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			all, err := probeAll(ctx, client, args, screen.NewProgress(c.ErrOrStderr(), "probe"))
			if err != nil {
				return fmt.Errorf("probe: %w", err)
			}
			failed := bad(all)
			if err := f.show(c, all, func(s *screen.Screen) { probeScreen(s, all) }); err != nil {
				return err
			}
			if failed > 0 {
				return fmt.Errorf("probe: %w: %d of %s not ok", errProbe, failed, wording.Count(uint64(len(all.Terminals)), "terminal"))
			}
			return nil
		})
}

// errProbe ends a probe that found problems with exit code 1.
var errProbe = errors.New("some terminals have problems")

func probeAll(ctx context.Context, client *operator.Client, ids []string, bar *screen.Progress) (all operator.ProbePage, err error) {
	defer bar.End()
	all.Terminals = []operator.ProbedTerminal{}
	add := func(page operator.ProbePage) {
		page.Terminals = append(all.Terminals, page.Terminals...)
		all = page
	}
	for at := 0; at < len(ids); at += operator.MaxProbed {
		page, err := operator.CallProbeTerminals.Ask(ctx, client, operator.ProbeRequest{IDs: ids[at:min(at+operator.MaxProbed, len(ids))]})
		if err != nil {
			return all, err
		}
		add(page)
		bar.Show(float64(len(all.Terminals))/float64(len(ids)), wording.Count(uint64(len(all.Terminals)), "terminal"))
	}
	if len(ids) > 0 {
		all.Total, all.More = len(all.Terminals), false
		return all, nil
	}
	for after := ""; ; {
		page, err := operator.CallProbeTerminals.Ask(ctx, client, operator.ProbeRequest{After: after})
		if err != nil {
			return all, err
		}
		add(page)
		bar.Show(float64(len(all.Terminals))/float64(max(all.Total, 1)), wording.Count(uint64(len(all.Terminals)), "terminal"))
		if !page.More || len(page.Terminals) == 0 {
			all.More = false
			return all, nil
		}
		after = all.Terminals[len(all.Terminals)-1].ID
	}
}

// bad counts terminals that are not ok from a host that was asked.
func bad(p operator.ProbePage) (n int) {
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

func probeScreen(s *screen.Screen, p operator.ProbePage) {
	var hosts []string
	for _, h := range p.Hosts {
		if h.Problem != "" {
			s.Line("no terminal was dialled from " + h.Host + ": " + h.Problem)
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
				continue // show problems only
			}
		}
		s.Line(screen.Pad(t.ID, 20) + t.Address)
		for _, h := range hosts {
			o, found := t.Hosts[h]
			switch {
			case !found:
			case o.Outcome == bus.ProbeOK:
				s.Row("  from "+h, fmt.Sprintf("ok, %.1f ms, epoch %d, served by %s", o.RTTMS, o.Epoch, wording.Or(o.Active, "nobody yet")))
			default:
				s.Row("  from "+h, o.Outcome+": "+o.Detail)
				s.Row("  ", "remedy: "+o.Remedy)
			}
		}
	}
	s.Line("")
	level := operator.Good
	if fine < len(p.Terminals) {
		level = operator.Bad
	}
	s.Headline(level, fmt.Sprintf("%d of %s ok from %s", fine, wording.Count(uint64(len(p.Terminals)), "terminal"), wording.Or(strings.Join(hosts, " and "), "nobody")))
}
