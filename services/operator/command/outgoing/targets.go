// Package outgoing has the commands about what services emit to the outside: where it goes, what is parked, and what is to become of that.
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

// TargetsCommand gives targets.
func TargetsCommand() *cobra.Command {
	c := command.Argued("targets", "Show and change where emissions go",
		`Services emit: they tell the world outside something, which is sent to a target by HTTP POST. Both hosts know the same targets, and
whoever serves sends. What is sent is signed with the secret of the target, which is never shown again.`,
		`  hotpair targets
  hotpair targets add billing=https://billing.example.com/hotpair --secret-file billing.secret
  hotpair targets set billing --skip --age 24h
  hotpair targets remove billing`,
		cobra.NoArgs, list)
	c.AddCommand(listCommand(), addCommand(), setCommand(), removeCommand())
	return c
}

func listCommand() *cobra.Command {
	return command.Argued("list", "Show where emissions go", `Shows all targets, and what waits and is parked for each.`, `  hotpair targets list --json`, cobra.NoArgs, list)
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

// describe says in a line how a target is set, and what it has.
func describe(t *waybill.ShownTarget) string {
	if t.Unreadable != "" {
		return "can't be read as it is kept, and nothing is sent to it: " + wording.Printable(t.Unreadable)
	}
	parts := []string{fmt.Sprintf("%d waiting, %d parked", t.Waiting, t.Parked), map[bool]string{true: "signed", false: "NOT signed"}[t.Signed]}
	if t.OwnCA {
		parts = append(parts, "own certificates")
	}
	if t.Skip {
		parts = append(parts, "goes on past what is parked")
	}
	if t.AgeMS > 0 {
		parts = append(parts, "parks what is older than "+(time.Duration(t.AgeMS)*time.Millisecond).String())
	}
	if t.Closing {
		parts = append(parts, "is being removed")
	}
	return strings.Join(parts, ", ")
}

// settings are the flags by which a target is set.
type settings struct {
	url, secretFile, caFile string
	skip                    bool
	age                     time.Duration
}

func (g *settings) add(c *cobra.Command) {
	c.Flags().StringVar(&g.secretFile, "secret-file", "", fmt.Sprintf("file with the secret that what is sent is signed with, %d to %d printable signs of ASCII", waybill.MinSecret, waybill.MaxSecret))
	c.Flags().StringVar(&g.caFile, "ca-file", "", "file with the certificates to believe of the target, in PEM; else the system's")
	c.Flags().BoolVar(&g.skip, "skip", false, "have a lane go on past an emission that is parked, which is lost for the order then")
	c.Flags().DurationVar(&g.age, "age", 0, "park what was not taken within this time; 0: nothing is")
}

// into puts what is given into a request.
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
		if q.Secret = strings.TrimRight(q.Secret, "\r\n"); q.Secret == "" { // which would be none, and nothing signed
			return fmt.Errorf("%w: %s has no secret in it: the file is empty", operator.ErrUsage, g.secretFile)
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

// content reads a file that is not long.
func content(path string, most int) (string, error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > int64(most)+2) {
		err = fmt.Errorf("%s is no file of at most %d bytes", path, most)
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
		`Makes a target: emissions to it are sent to the URL by HTTP POST, in JSON. It takes https, and http on this machine only. Without
--secret-file what is sent is not signed, and the target can't know that it is of this pair. It needs the role admin.`,
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
		`Changes what is given, and nothing else. What failed before is tried at once. It needs the role admin.`,
		`  hotpair targets set billing --url https://new.example.com/hotpair
  hotpair targets set billing --skip=false --age 0
  hotpair targets set billing --secret-file new.secret`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, a command.Asking, args []string) error {
			q := waybill.SetTarget{Name: args[0], URL: g.url}
			if err := g.into(c, &q); err != nil {
				return err
			}
			if (q == waybill.SetTarget{Name: q.Name}) {
				return fmt.Errorf("%w: say what is to be changed: --url, --secret-file, --ca-file, --skip or --age", operator.ErrUsage)
			}
			return set(ctx, c, a, q, "is changed")
		})
	g.add(c)
	c.Flags().StringVar(&g.url, "url", "", "where it is sent from now on")
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
	c := command.Argued("remove NAME", "Take a target away",
		`Takes a target away. From then on a request that emits to it is refused. While something waits or is parked for it that is refused,
unless --drop says that it is to be lost. It needs the role admin.`,
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
	c.Flags().BoolVar(&q.Drop, "drop", false, "drop what waits and what is parked for it")
	return c
}

// ask asks the best host there is, once.
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
