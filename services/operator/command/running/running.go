// Package running has the commands about the services that a pair runs: list, log and restart.
package running

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/command"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/processes/programs"
	"github.com/hotpair/hotpair/services/processes/said"
)

// Commands returns list, restart and log, the subcommands of hotpair service.
func Commands() []*cobra.Command {
	return []*cobra.Command{listCommand(), restartCommand(), logCommand()}
}

func listCommand() *cobra.Command {
	return command.Argued("list", "Show the services of both hosts",
		`Shows each service on each host: its state and since when, the version that it reports, the program that runs, and how often it
was restarted since main started. A program that an operator runs in place of the one in HOTPAIR_BUSINESS is marked.`,
		`  hotpair service list
  hotpair service list --json | jq -r '.services[] | select(.state != "ready") | [.host, .service, .why] | @tsv'`,
		cobra.NoArgs, func(ctx context.Context, c *cobra.Command, a command.Asking, _ []string) error {
			list, err := ask(ctx, c, a, operator.CallServices, operator.None{})
			if err != nil {
				return err
			}
			return a.Show(c, list, func(s *screen.Screen) { draw(s, list) })
		})
}

func draw(s *screen.Screen, list programs.ServiceList) {
	for _, h := range list.Hosts {
		if h.Problem != "" {
			s.Headline(operator.Warning, wording.Printable(h.Host)+" was not asked: "+wording.Printable(h.Problem))
		}
	}
	for i := range list.Services {
		row(s, &list.Services[i])
	}
}

func row(s *screen.Screen, one *programs.Service) {
	line := screen.Pad(wording.Printable(one.Service), 18) + screen.Pad(wording.Printable(one.Host), 10) + screen.Pad(wording.Printable(one.State), 12)
	if !one.Since.IsZero() {
		line += "since " + wording.Time(one.Since)
	}
	if one.Version != "" {
		line += ", version " + wording.Printable(one.Version)
	}
	if one.Restarts > 0 {
		line += ", " + wording.Count(uint64(one.Restarts), "restart")
	}
	s.Line(line)
	more := func(text string) {
		for _, part := range wording.Wrap(text, screen.Width-4) {
			s.Line("    " + part)
		}
	}
	more(wording.Printable(wording.Or(one.Path, "part of hotpair")))
	if one.Set != "" {
		more("HOTPAIR_BUSINESS names " + wording.Printable(one.Set) + " there")
	}
	if len(one.Operations) > 0 {
		more("operations: " + wording.Printable(strings.Join(one.Operations, ", ")))
	}
	if one.State != programs.Ready && one.Why != "" {
		more("its last run " + wording.Printable(one.Why))
	}
}

func restartCommand() *cobra.Command {
	q := programs.RestartService{}
	c := command.Argued("restart NAME", "Restart a service on both hosts, optionally with another program",
		`Restarts a service while the pair serves, on the standby first: its open requests are finished, new ones wait, all other
services continue, and no host takes over. If the program is not ready within 10 s, or ends before, the previous one runs again,
and the last output of the failed one is shown. With --path the hosts run that program from now on, also after their own
restarts, until HOTPAIR_BUSINESS changes: put it there once it has proved itself; hotpair doctor reminds you. --path with the
program in HOTPAIR_BUSINESS goes back to it. Needs the role admin.`,
		`  hotpair service restart tickets
  hotpair service restart tickets --path /opt/acme/tickets-1.5 --reason "new fares"
  hotpair service restart tickets --on b`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, a command.Asking, args []string) error {
			q.Service = args[0]
			done, err := ask(ctx, c, a, operator.CallRestartService, q)
			if err != nil {
				return err
			}
			return a.Show(c, done, func(s *screen.Screen) {
				s.Headline(operator.Good, "service "+wording.Printable(q.Service)+" was restarted")
				for i := range done.Services {
					row(s, &done.Services[i])
				}
			})
		})
	c.Flags().StringVar(&q.Path, "path", "", "path, on the hosts, of the program to run from now on")
	c.Flags().StringVar(&q.Host, "on", "", "only on this host of the pair")
	return c
}

const (
	// followEvery is how often new lines of a service are requested, firstLines how many lines are shown first.
	followEvery = time.Second
	firstLines  = 100
)

func logCommand() *cobra.Command {
	q := programs.ServiceLogRequest{}
	follow := false
	c := command.Argued("log NAME", "Show what a service has written, on both hosts",
		fmt.Sprintf(`Shows the last lines that a program wrote to its output and to its standard error (marked !), and when its host started it and
saw it end (marked -). A host keeps the last %d lines of each service while its main runs; its own log has all of them.
Services that are part of hotpair write only to that log.`, said.MostLines),
		`  hotpair service log tickets
  hotpair service log tickets --on b --lines 500
  hotpair service log tickets --follow`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, a command.Asking, args []string) error {
			q.Service = args[0]
			if q.Limit < 1 || q.Limit > said.MostLines {
				return fmt.Errorf("%w: --lines is 1 to %d", operator.ErrUsage, said.MostLines)
			}
			log, err := ask(ctx, c, a, operator.CallServiceLog, q)
			if err != nil {
				return err
			}
			if a.JSON() && !follow {
				return a.Show(c, log, nil)
			}
			for _, h := range log.Hosts {
				if text := h.Problem + h.Note; text != "" {
					fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", wording.Printable(h.Host), wording.Printable(text))
				}
			}
			if err := write(c, a, log.Lines); err != nil || !follow {
				return err
			}
			return goOn(ctx, c, a, q, log.Hosts)
		})
	c.Flags().IntVar(&q.Limit, "lines", firstLines, "how many lines of each host")
	c.Flags().StringVar(&q.Host, "on", "", "only of this host of the pair")
	c.Flags().BoolVar(&follow, "follow", false, "keep showing new lines, until Ctrl-C; with --json one object on each line")
	return c
}

// write prints lines in their order.
func write(c *cobra.Command, a command.Asking, lines []programs.ServiceLine) error {
	for _, line := range lines {
		var err error
		if a.JSON() {
			err = screen.JSON(c.OutOrStdout(), line)
		} else {
			mark := map[string]string{said.Error: "!", said.Host: "-"}[line.Kind]
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s %s %s %s\n", line.Time.UTC().Format("15:04:05.000"), wording.Printable(line.Host), wording.Or(mark, " "), wording.Printable(line.Text))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// goOn requests more lines of each host, after those already known. A host that does not answer is asked again; of one
// that was away at the beginning all lines are new.
func goOn(ctx context.Context, c *cobra.Command, a command.Asking, q programs.ServiceLogRequest, asked []programs.ServicesHost) error {
	q.Limit = said.MostLines
	silent := map[string]bool{}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		for i := range asked {
			h := &asked[i]
			q.Host, q.After = h.Host, h.Next
			log, err := ask(ctx, c, a, operator.CallServiceLog, q)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				if errors.Is(err, operator.ErrRefused) || errors.Is(err, operator.ErrUsage) || errors.Is(err, operator.ErrToken) || errors.Is(err, operator.ErrRole) {
					return err
				}
				if !silent[h.Host] {
					fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", wording.Printable(h.Host), wording.Printable(err.Error()))
				}
				silent[h.Host] = true
				continue
			}
			silent[h.Host] = false
			if len(log.Hosts) == 1 {
				h.Next = log.Hosts[0].Next
			}
			if err := write(c, a, log.Lines); err != nil {
				return err
			}
		}
	}
}

// ask asks the best host, once.
func ask[Q, A any](ctx context.Context, c *cobra.Command, a command.Asking, op operator.Operation[Q, A], q Q) (answer A, err error) {
	client, err := a.Client(ctx, c)
	if err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, op.Within+hosts.Within)
	defer cancel()
	answer, err = op.Ask(ctx, client, q)
	switch {
	case errors.Is(err, operator.ErrRefused):
		return answer, fmt.Errorf("%s refused, nothing was done: %w", c.Name(), err)
	case err != nil:
		return answer, fmt.Errorf("%s: %w", c.Name(), err)
	}
	return answer, nil
}
