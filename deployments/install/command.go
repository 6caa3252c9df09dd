package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/deployments/questions"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
	"github.com/hotpair/hotpair/services/regular"
)

// JoinCommand is "hotpair join".
func JoinCommand() *cobra.Command {
	var root, passphraseFile string
	var dryRun, noStart, useData, asJSON bool
	c := usage.Command("join BUNDLE", "Make this machine a member of a pair, with its bundle from hotpair init",
		`Make this machine a host of a pair, or its witness, with its bundle from hotpair init. As root.

Everything is checked first. All problems are reported at once, with what to do, and then nothing is written. Checked
are: the bundle is complete and for this machine's address; the clock; the disk and its fsync; the ports are free; the
user that processes run as; the data directory is empty and not a link; no other bundle has joined here.

It writes settings and secrets to /etc/hotpair/joined, certificate and keys to /var/lib/hotpair-identity (of a witness
hotpair-witness-identity), and the unit unless a package installed it; then it enables and starts the unit. Without
systemd it shows how to start: hotpair run. Your own settings in /etc/hotpair/host.env (witness.env) take precedence and
are not changed.

If it is interrupted, run it again with the same bundle. hotpair leave undoes it.`,
		`  hotpair join a.bundle
  hotpair join a.bundle --dry-run
  hotpair join witness.bundle --passphrase-file pass.txt --no-start
  hotpair join a.bundle --root /mnt/image`,
		usage.Exactly(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			if err := anotherRoot(c, root); err != nil {
				return err
			}
			raw, err := regular.Read(args[0], bundle.MaxFile)
			if err != nil {
				return fmt.Errorf("%w: bundle: %w", operator.ErrUsage, err)
			}
			b, err := open(ctx, c, raw, passphraseFile)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			j := Joiner{Place: PlaceOf(b.Name.Role, root), Bundle: b, Raw: raw, UseData: useData, Now: time.Now()}
			if root == "" {
				j.Manager = TheManager()
				if j.Manager.Runs() {
					if j.Program, err = os.Executable(); err != nil {
						return err
					}
				}
			}
			var done Joined
			if dryRun {
				done, err = j.Check()
			} else {
				done, err = j.Join(ctx, !noStart)
			}
			return errors.Join(tellJoined(c.OutOrStdout(), asJSON, done, err), err)
		})
	f := c.Flags()
	f.StringVar(&passphraseFile, "passphrase-file", "", "file whose first line is the passphrase of the bundle; - is standard input (default on a terminal: a prompt)")
	f.StringVar(&root, "root", "", "root folder of a machine image to prepare. Addresses and ports are not checked, and nothing is started")
	f.BoolVar(&useData, "use-data", false, "continue with the data in the data directory, which must be of this member of this pair")
	f.BoolVar(&noStart, "no-start", false, "write everything, and start nothing")
	f.BoolVar(&dryRun, "dry-run", false, "only check, and show what would be written")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// anotherRoot refuses a --root that means this machine, whose processes would not be checked: an unset variable of a
// script.
func anotherRoot(c *cobra.Command, root string) error {
	if !c.Flags().Changed("root") || root != "" && filepath.Clean(root) != "/" {
		return nil
	}
	return fmt.Errorf("%w: --root %q is not the root folder of another machine; leave it out for this machine", operator.ErrUsage, root)
}

// open reads a bundle, and asks for its passphrase if a person can be asked.
func open(ctx context.Context, c *cobra.Command, raw []byte, file string) (bundle.Bundle, error) {
	words, err := usage.Passphrase(c.InOrStdin(), "--passphrase-file", file)
	if err != nil {
		return bundle.Bundle{}, err
	}
	head, err := bundle.Peek(raw)
	if err != nil {
		return bundle.Bundle{}, err
	}
	if head.Sealed && words == "" && questions.IsTerminal(c.InOrStdin()) {
		if words, err = questions.New(ctx, c.InOrStdin(), c.ErrOrStderr()).Secret("Passphrase of the bundle for "+head.For, false); err != nil {
			return bundle.Bundle{}, err
		}
	}
	b, err := bundle.Decode(raw, words)
	if errors.Is(err, bundle.ErrPassphrase) && words == "" {
		err = fmt.Errorf("%w; give it with --passphrase-file", err)
	}
	return b, err
}

func tellJoined(to io.Writer, asJSON bool, done Joined, failed error) error {
	if asJSON {
		return screen.JSON(to, done)
	}
	s := &screen.Screen{Colour: screen.IsTerminal(to)}
	n, err := identity.Parse(done.Name)
	if err != nil {
		return nil // nothing was done yet; the error says why
	}
	who := bundle.Kind(n) + " of pair " + done.Pair
	switch {
	case errors.Is(failed, ErrUnfit):
		s.Headline(operator.Bad, "This machine can't be "+who+" as it is")
	case failed != nil:
		s.Headline(operator.Bad, "This machine is not "+who+" yet")
	case done.DryRun:
		s.Headline(operator.Good, "This machine can be "+who+"; nothing was written")
	case done.Already:
		s.Headline(operator.Good, "This machine was "+who+" already")
	default:
		s.Headline(operator.Good, "This machine is "+who+" now")
	}
	for _, f := range done.Findings {
		label := "note"
		if f.Stops {
			label = "fault"
		}
		s.Row(label, f.Check+": "+f.Problem)
		s.Row("", "→ "+f.Remedy)
	}
	if done.DryRun {
		for _, f := range done.Files {
			s.Row("file", f.Path+" (mode 0600, of "+f.Owner+")")
			for line := range strings.Lines(f.Content) {
				s.Line("            " + strings.TrimRight(line, "\n"))
			}
		}
	}
	if failed == nil && !done.DryRun {
		switch {
		case done.Started:
			s.Row("unit", "enabled and started")
		case done.Start != "":
			s.Row("start", "it does not run yet: "+done.Start)
		default:
			s.Row("start", "on that machine: systemctl enable --now its unit, or hotpair run")
		}
		for _, m := range done.Missing {
			s.Row("missing", m)
		}
		s.Row("then", "hotpair status, on a host. Delete the bundle here: it holds secrets")
	}
	_, err = io.WriteString(to, s.Out.String())
	return err
}

// LeaveCommand is "hotpair leave".
func LeaveCommand() *cobra.Command {
	var root string
	var yes, deleteData, asJSON bool
	c := usage.Command("leave", "Take this machine out of its pair: undo hotpair join",
		`Stop this machine's processes of its pair, and remove what hotpair join wrote: settings, certificate and keys, and the
unit if join wrote it. The data are kept unless you give --delete-data, and so are your own settings. As root.

An active host hands over before it stops, if the other one is in sync. leave shows what is to be done on the other
machines. To join again, use the bundle; with the data kept, join --use-data continues with them.

On a terminal it asks for confirmation; elsewhere it needs --yes. If it is interrupted, run it again.`,
		`  hotpair leave
  hotpair leave --yes --delete-data`,
		usage.Exactly(0), func(ctx context.Context, c *cobra.Command, _ []string) error {
			if err := anotherRoot(c, root); err != nil {
				return err
			}
			l := Leaver{Root: root, DeleteData: deleteData}
			if root == "" {
				l.Manager = TheManager()
			}
			would, err := l.Look()
			if err != nil {
				return err
			}
			if os.Geteuid() != 0 && root == "" {
				return fmt.Errorf("%w: run it as root: sudo hotpair leave", operator.ErrUsage)
			}
			if !yes {
				if err := confirmed(ctx, c, would); err != nil {
					return err
				}
			}
			left, err := l.Leave(ctx)
			if err != nil {
				return err
			}
			return tellLeft(c.OutOrStdout(), asJSON, left)
		})
	f := c.Flags()
	f.StringVar(&root, "root", "", "root folder of a machine image, as for hotpair join; nothing is stopped")
	f.BoolVar(&deleteData, "delete-data", false, "delete the data directory too, including updates that no other host has")
	f.BoolVar(&yes, "yes", false, "don't ask")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func confirmed(ctx context.Context, c *cobra.Command, would Left) error {
	n, err := identity.Parse(would.Name)
	if err != nil {
		return err
	}
	if !questions.IsTerminal(c.InOrStdin()) {
		return fmt.Errorf("%w: leave removes this machine from the pair and deletes its keys: confirm with --yes", operator.ErrUsage)
	}
	question := "This machine is " + bundle.Kind(n) + " of pair " + would.Pair + ". It will be stopped, and its settings and keys deleted; the data are kept. Continue?"
	if would.Deleted {
		question = "This machine is " + bundle.Kind(n) + " of pair " + would.Pair + ". It will be stopped, its settings and keys deleted, and ALL DATA in " + would.Data + ". Go on?"
	}
	yes, err := questions.New(ctx, c.InOrStdin(), c.ErrOrStderr()).Confirm(question)
	if err == nil && !yes {
		err = screen.ErrNotConfirmed
	}
	return err
}

func tellLeft(to io.Writer, asJSON bool, left Left) error {
	if asJSON {
		return screen.JSON(to, left)
	}
	n, err := identity.Parse(left.Name)
	if err != nil {
		return err
	}
	s := &screen.Screen{Colour: screen.IsTerminal(to)}
	s.Headline(operator.Good, "This machine is no longer "+bundle.Kind(n)+" of pair "+left.Pair)
	if left.Deleted {
		s.Row("data", "deleted")
	} else {
		s.Row("data", "kept, in "+left.Data)
	}
	for _, o := range left.Others {
		s.Row("then", o)
	}
	_, err = io.WriteString(to, s.Out.String())
	return err
}

// RunCommand is "hotpair run".
func RunCommand() *cobra.Command {
	c := usage.Command("run", "Run this machine's host or witness where there is no service manager",
		`Run the host or witness that this machine joined as, with the environment that hotpair join wrote and the settings in
/etc/hotpair/host.env (witness.env); as the user hotpair if root runs it. This does what the unit does, for machines
without systemd: containers, other service managers, a shell. SIGTERM stops it cleanly.`,
		`  hotpair run`,
		usage.Exactly(0), func(_ context.Context, _ *cobra.Command, _ []string) error {
			p, err := ProcessOf("", os.Environ())
			if err != nil {
				return err
			}
			program, err := os.Executable()
			if err == nil {
				program, err = filepath.EvalSymlinks(program)
			}
			if err != nil {
				return err
			}
			return p.Exec(program)
		})
	return c
}
