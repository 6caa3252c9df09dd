package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func operatorsCommand() *cobra.Command {
	f := &flags{}
	c := argued("operators", "Show and change who may operate the pair",
		`Each operator has a name, a role and a token. Roles: view reads (status, events, metrics, history), operate also does what
loses nothing (switchover, pause, verify, alarms ack), admin does everything (promote, admit, backup, terminals, operators).
The pair keeps the list in its own database, the same on both hosts, with only a digest of each token: a token is shown
once. On the machine of a host, root and the host's own user are admin without a token.`,
		`  hotpair operators
  hotpair operators add alice --role operate --expires 90d
  hotpair operators rotate alice
  hotpair operators remove alice`,
		f, noArguments, f.listOperators)
	list := &flags{}
	c.AddCommand(argued("list", "Show who may operate the pair", `The same as hotpair operators. It needs the role admin.`, `  hotpair operators list --json | jq -r '.operators[].name'`,
		list, noArguments, list.listOperators), addOperatorCommand(), rotateOperatorCommand(), removeOperatorCommand())
	return c
}

func (f *flags) listOperators(ctx context.Context, c *cobra.Command, _ []string) error {
	list, err := asked(ctx, c, f, operator.CallOperators, operator.None{})
	if err != nil {
		return err
	}
	return f.show(c, list, func(s *screen.Screen) {
		if len(list.Operators) == 0 {
			s.Line("no operators: only root and the host's own user operate this pair, each on the machine of a host")
			return
		}
		for _, o := range list.Operators {
			line := screen.Pad(wording.Printable(o.Name), 24) + screen.Pad(string(o.Role), 9) + untilWhen(o.Expires, o.Expired)
			if o.By != "" {
				line += ", by " + wording.Printable(o.By)
			}
			s.Line(line)
		}
	})
}

// untilWhen says how long a token is valid.
func untilWhen(t time.Time, expired bool) string {
	switch {
	case t.IsZero():
		return "does not expire"
	case expired:
		return "expired " + t.UTC().Format(time.RFC3339)
	}
	return "until " + t.UTC().Format(time.RFC3339)
}

func addOperatorCommand() *cobra.Command {
	f := &flags{}
	q := operator.AddOperator{}
	var role, expires string
	c := argued("add NAME", "Make an operator, and show the token once",
		`Makes an operator. The token is printed once, alone on its line: keep it where only its owner can read it, such as a file with
mode 0600. Give it to hotpair with --token-file or HOTPAIR_TOKEN, over HTTP as Authorization: Bearer TOKEN, and to the console
at its login. It is valid on both hosts as soon as it is shown. Needs the role admin, and a host that serves.`,
		`  hotpair operators add alice --role operate --expires 90d --reason "on call from May"
  hotpair operators add prometheus --role view --json | jq -r .token > prometheus.token`,
		f, cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			life, err := lifeOf(expires)
			if err != nil {
				return err
			}
			if role == "" {
				return fmt.Errorf("%w: say what the operator may do: --role view, operate or admin", operator.ErrUsage)
			}
			q.Name, q.Role, q.For = args[0], operator.Role(role), life
			made, err := asked(ctx, c, f, operator.CallAddOperator, q)
			return f.token(c, made, err)
		})
	c.Flags().StringVar(&role, "role", "", "what the operator may do: view, operate or admin")
	c.Flags().StringVar(&expires, "expires", "", "how long the token is valid, like 90d or 12h; none: until it is withdrawn")
	return c
}

func rotateOperatorCommand() *cobra.Command {
	f := &flags{}
	var expires string
	c := argued("rotate NAME", "Give an operator another token, and show it once",
		`Gives an operator another token, for one that is lost, leaked or expires. The previous token is invalid from then on, on both
hosts, and console sessions that began with it end. Needs the role admin.`,
		`  hotpair operators rotate alice
  hotpair operators rotate alice --expires 90d`,
		f, cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			life, err := lifeOf(expires)
			if err != nil {
				return err
			}
			made, err := asked(ctx, c, f, operator.CallRotateOperator, operator.RotateOperator{Name: args[0], For: life})
			return f.token(c, made, err)
		})
	c.Flags().StringVar(&expires, "expires", "", "how long the new token is valid; none: as long as the previous one")
	return c
}

// token shows a new token.
func (f *flags) token(c *cobra.Command, made operator.OperatorToken, err error) error {
	if err != nil {
		return err
	}
	if f.json {
		return screen.JSON(c.OutOrStdout(), made)
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s may %s the pair, %s. The token, shown only now:\n", wording.Printable(made.Name), verbs[made.Role], untilWhen(made.Expires, false))
	_, err = fmt.Fprintln(c.OutOrStdout(), made.Token)
	return err
}

// verbs say what a role may do.
var verbs = map[operator.Role]string{operator.View: "look at", operator.Operate: "operate", operator.Administer: "operate and change"}

func removeOperatorCommand() *cobra.Command {
	f := &flags{}
	c := argued("remove NAME", "Withdraw an operator",
		`Withdraws an operator: neither host accepts the token any more, and console sessions and streams that began with it end within
a second. A host that is cut off from the active learns of it when it is back. Needs the role admin.`,
		`  hotpair operators remove alice --reason "left the company"`,
		f, cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			done, err := asked(ctx, c, f, operator.CallRemoveOperator, operator.RemoveOperator{Name: args[0]})
			if err != nil {
				return err
			}
			return f.show(c, done, func(s *screen.Screen) {
				s.Headline(operator.Good, wording.Printable(done.Name)+" is no longer an operator; "+strconv.Itoa(done.Left)+" left")
			})
		})
	c.Aliases = []string{"revoke"}
	return c
}

// lifeOf reads how long a token is to be valid: a duration, which may be in days.
func lifeOf(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if days, is := strings.CutSuffix(text, "d"); is {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 3650 {
			return "", fmt.Errorf("%w: --expires %q is not a number of days from 1d to 3650d", operator.ErrUsage, text)
		}
		return (time.Duration(n) * 24 * time.Hour).String(), nil
	}
	if d, err := time.ParseDuration(text); err != nil || d < time.Minute {
		return "", fmt.Errorf("%w: --expires %q is not a duration like 90d, 12h or 30m", operator.ErrUsage, text)
	}
	return text, nil
}

func whoamiCommand() *cobra.Command {
	f := &flags{}
	return command("whoami", "Show as whom a host knows you, and what you may do",
		`Asks each host who the caller is: the user of the machine over the unix socket, or the operator of the token.`,
		`  hotpair whoami
  hotpair whoami --http https://b.example.com:7704 --token-file ~/.hotpair-token`,
		f, func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
			var last error
			for _, t := range targets {
				ctx, cancel := context.WithTimeout(ctx, hosts.Within)
				p, err := operator.CallWho.Ask(ctx, t.Client(), operator.None{})
				cancel()
				if err != nil {
					last = errors.Join(last, fmt.Errorf("%s: %w", t.URL, err))
					continue
				}
				err = f.show(c, p, func(s *screen.Screen) {
					s.Line(fmt.Sprintf("%s: %s may %s the pair (%s, by %s)", t.URL, wording.Printable(p.String()), verbs[p.Role], p.Role, p.Credential))
				})
				if err != nil {
					return err
				}
			}
			return last
		})
}
