// Package outgoing has the commands about emissions of services to the outside: their targets, and what is parked.
package outgoing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/command"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// TargetsCommand returns hotpair targets.
func TargetsCommand() *cobra.Command {
	c := command.Argued("targets", "Show and change where emissions go",
		`Services emit messages to the outside, which are sent to a target by HTTP POST. Both hosts know the same targets; the active
sends. Messages are signed with the secret of the target, which is never shown again.`,
		`  hotpair targets
  hotpair targets add billing=https://billing.example.com/hotpair --secret-file billing.secret
  hotpair targets set billing --skip --age 24h
  hotpair targets remove billing`,
		cobra.NoArgs, list)
	c.AddCommand(listCommand(), addCommand(), setCommand(), removeCommand())
	return c
}

func listCommand() *cobra.Command {
	return command.Argued("list", "Show where emissions go", `Shows all targets, with the number of waiting and parked emissions of each.`, `  hotpair targets list --json`, cobra.NoArgs, list)
}

func list(ctx context.Context, c *cobra.Command, a command.Asking, _ []string) error {
	l, err := ask(ctx, c, a, operator.CallTargets, operator.None{})
	if err != nil {
		return err
	}
	return a.Show(c, l, func(s *screen.Screen) { targetsScreen(s, l) })
}

func targetsScreen(s *screen.Screen, l waybill.TargetList) {
	s.Line(wording.Count(uint64(len(l.Targets)), "target"))
	for i := range l.Targets {
		t := &l.Targets[i]
		s.Line(screen.Pad(wording.Printable(t.Name), 16) + wording.Printable(t.URL))
		for _, line := range wording.Wrap(describe(t), screen.Width-4) {
			s.Line("  " + line)
		}
	}
}

// describe shows the settings and counts of a target in one line.
func describe(t *waybill.ShownTarget) string {
	if t.Unreadable != "" {
		return "its stored settings can't be read, and nothing is sent to it: " + wording.Printable(t.Unreadable)
	}
	parts := []string{fmt.Sprintf("%d waiting, %d parked", t.Waiting, t.Parked), map[bool]string{true: "signed", false: "NOT signed"}[t.Signed]}
	if t.OwnCA {
		parts = append(parts, "own certificates")
	}
	if t.Skip {
		parts = append(parts, "skips parked emissions")
	}
	if t.AgeMS > 0 {
		parts = append(parts, "parks emissions older than "+(time.Duration(t.AgeMS)*time.Millisecond).String())
	}
	if t.Closing {
		parts = append(parts, "is being removed")
	}
	return strings.Join(parts, ", ")
}

// settings are the flags of a target's settings.
type settings struct {
	url, secretFile, caFile string
	skip                    bool
	age                     time.Duration
}

func (g *settings) add(c *cobra.Command) {
	c.Flags().StringVar(&g.secretFile, "secret-file", "", fmt.Sprintf("file with the secret that messages are signed with, %d to %d printable ASCII characters", waybill.MinSecret, waybill.MaxSecret))
	c.Flags().StringVar(&g.caFile, "ca-file", "", "file with the certificates to trust for the target, in PEM; else the system's")
	c.Flags().BoolVar(&g.skip, "skip", false, "let a lane continue past a parked emission, which then loses its place in the order")
	c.Flags().DurationVar(&g.age, "age", 0, "park emissions that were not accepted within this time; 0: never")
}

// into copies the given settings into a request.
func (g *settings) into(c *cobra.Command, q *waybill.SetTarget) error {
	for _, f := range []struct {
		flag, path string
		most       int
		to         *string
	}{{"secret-file", g.secretFile, waybill.MaxSecret, &q.Secret}, {"ca-file", g.caFile, waybill.MaxRoots, &q.Roots}} {
		if !c.Flags().Changed(f.flag) {
			continue
		}
		if f.path == "" {
			return fmt.Errorf("%w: --%s names no file", operator.ErrUsage, f.flag)
		}
		text, err := content(f.path, f.most)
		if err != nil {
			return err
		}
		*f.to = text
	}
	if g.secretFile != "" {
		if q.Secret = strings.TrimRight(q.Secret, "\r\n"); q.Secret == "" { // an empty secret would mean unsigned
			return fmt.Errorf("%w: %s holds no secret: the file is empty", operator.ErrUsage, g.secretFile)
		}
	}
	if c.Flags().Changed("skip") {
		q.Skip = &g.skip
	}
	if c.Flags().Changed("age") {
		ms := g.age.Milliseconds()
		q.AgeMS = &ms
	}
	if err := q.Check(); err != nil {
		return fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	return nil
}

// content reads a short file.
func content(path string, most int) (string, error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > int64(most)+2) {
		err = fmt.Errorf("%s is not a regular file of at most %d bytes", path, most)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err == nil && len(text) == 0 {
		err = fmt.Errorf("%s: the file is empty", path)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	return string(text), nil
}

func addCommand() *cobra.Command {
	g := &settings{}
	c := command.Argued("add NAME=URL", "Make a target that services can emit to",
		`Makes a target: emissions to it are sent to the URL by HTTP POST, in JSON. The URL is https, or http on this machine. Without
--secret-file messages are not signed, and the target can't verify that they come from this pair. Needs the role admin.`,
		`  hotpair targets add billing=https://billing.example.com/hotpair --secret-file billing.secret
  hotpair targets add stock=https://10.0.7.3:8443/in --secret-file stock.secret --ca-file stock-ca.pem --skip --age 72h`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, a command.Asking, args []string) error {
			name, url, is := strings.Cut(args[0], "=")
			if !is {
				return fmt.Errorf("%w: write the target as NAME=URL, like billing=https://billing.example.com/hotpair", operator.ErrUsage)
			}
			q := waybill.SetTarget{Name: name, New: true, URL: url}
			if err := g.into(c, &q); err != nil {
				return err
			}
			return set(ctx, c, a, q, "is added")
		})
	g.add(c)
	return c
}

func setCommand() *cobra.Command {
	g := &settings{}
	c := command.Argued("set NAME", "Change a target",
		`Changes the given settings only. Failed emissions are retried at once. Needs the role admin.`,
		`  hotpair targets set billing --url https://new.example.com/hotpair
  hotpair targets set billing --skip=false --age 0
  hotpair targets set billing --secret-file new.secret`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, a command.Asking, args []string) error {
			q := waybill.SetTarget{Name: args[0], URL: g.url}
			if err := g.into(c, &q); err != nil {
				return err
			}
			if (q == waybill.SetTarget{Name: q.Name}) {
				return fmt.Errorf("%w: give a setting to change: --url, --secret-file, --ca-file, --skip or --age", operator.ErrUsage)
			}
			return set(ctx, c, a, q, "is changed")
		})
	g.add(c)
	c.Flags().StringVar(&g.url, "url", "", "the new URL")
	return c
}

func set(ctx context.Context, c *cobra.Command, a command.Asking, q waybill.SetTarget, became string) error {
	done, err := ask(ctx, c, a, operator.CallSetTarget, q)
	if err != nil {
		return err
	}
	return a.Show(c, done, func(s *screen.Screen) {
		s.Headline(operator.Good, fmt.Sprintf("target %s %s: %s", q.Name, became, describe(&done.Target)))
	})
}

func removeCommand() *cobra.Command {
	q := waybill.RemoveTarget{}
	c := command.Argued("remove NAME", "Remove a target",
		`Removes a target. Requests that emit to it are refused from then on. Refused while emissions wait or are parked for it,
unless --drop accepts their loss. Needs the role admin.`,
		`  hotpair targets remove billing
  hotpair targets remove billing --drop --reason "the old system is gone"`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, a command.Asking, args []string) error {
			q.Name = args[0]
			done, err := ask(ctx, c, a, operator.CallRemoveTarget, q)
			if err != nil {
				return err
			}
			return a.Show(c, done, func(s *screen.Screen) {
				s.Headline(operator.Good, fmt.Sprintf("target %s is removed, %s dropped", q.Name, wording.Count(uint64(done.Dropped), "emission")))
			})
		})
	c.Flags().BoolVar(&q.Drop, "drop", false, "drop its waiting and parked emissions")
	return c
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
		return answer, fmt.Errorf("%s refused: %w", c.Name(), err)
	case err != nil:
		return answer, fmt.Errorf("%s: %w", c.Name(), err)
	}
	return answer, nil
}
