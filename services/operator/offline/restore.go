package offline

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// RestoreCommand gives restore and restore finish.
func RestoreCommand(files Files) *cobra.Command {
	var q RestoreRequest
	var asJSON bool
	var by proving
	c := usage.Command("restore FILE", "Make the data directory of a stopped host from a backup",
		`Makes a data directory from a backup. It needs no running host, and refuses a directory that holds anything, unless --aside is given:
then what is there is moved into a folder within it, never deleted. The file is checked as a whole before anything is built, and
must prove that the pair made it: by the pair secret that it had then, which is read from HOTPAIR_PAIR_SECRET or
HOTPAIR_PAIR_SECRET_FILE, with --dir from the files of a cluster, else from /etc/hotpair/host.env. The
directory may be a mount point or a symbolic link. One that the pair has encrypted (HOTPAIR_BACKUP_RECIPIENT) is decrypted as it is read:
--identity names the key. A restore that is cut off leaves what was there or what was restored, and
the next start says so.

What comes of it: the host gets a new identity and is no member of the pair, because a backup is old. It starts, and does nothing
outward: it dials no terminal, no witness and no other host. hotpair restore finish says what it is to be:
  --replaces  It takes the place of what was lost. If the other host lives and serves, it joins by itself. If both are lost, start
              it with the witness and the terminals as they were, and hotpair promote --force there; then start the other host
              with an empty directory. Every update after the backup's position is lost.
  --as-copy   It is a pair of its own from now on, beside the one that the backup is of: for a test, or to look something up.`,
		`  hotpair backup check nightly.backup
  HOTPAIR_HOST=a HOTPAIR_DATA=/var/lib/hotpair hotpair restore nightly.backup
  hotpair restore nightly.backup --data /var/lib/hotpair --name a --aside
  hotpair restore hotpair-….backup.age --identity key.txt --data /var/lib/hotpair --name a
  hotpair restore finish --replaces --data /var/lib/hotpair --name a`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			q.File = args[0]
			if err := q.complete(c, os.Environ()); err != nil {
				return err
			}
			var err error
			if q.Proof, err = by.proof(); err != nil {
				return fmt.Errorf("restore: %w", err)
			}
			return restore(ctx, c, files, q, asJSON)
		})
	placed(c, &q.Place)
	by.flags(c)
	c.Flags().BoolVar(&q.MoveAway, "aside", false, "move what the directory holds into a folder within it")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.AddCommand(finishCommand(files))
	return c
}

func restore(ctx context.Context, c *cobra.Command, files Files, q RestoreRequest, asJSON bool) error {
	bars := map[string]*screen.Progress{}
	defer func() {
		for _, bar := range bars {
			bar.End()
		}
	}()
	done, err := files.Restore(ctx, q, func(what string, done float64) {
		if bars[what] == nil {
			bars[what] = screen.NewProgress(c.ErrOrStderr(), what)
		}
		bars[what].Show(done, "")
	})
	switch {
	case errors.Is(err, ErrOccupied):
		return fmt.Errorf("restore: %w; --aside moves what is there aside", err)
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	case asJSON:
		return screen.JSON(c.OutOrStdout(), done)
	}
	Show(c, "restored", done.Summary)
	s := &screen.Screen{}
	s.Row("into", done.Dir+", as host "+done.Host+" with the new identity "+done.Identity)
	if done.Moved != "" {
		s.Row("aside", "what was there is in "+done.Moved)
	}
	s.Row("next", "hotpair restore finish --replaces, or --as-copy: until then the host does nothing outward; hotpair restore --help says what each means")
	fmt.Fprint(c.OutOrStdout(), s.Out.String())
	return nil
}

func finishCommand(files Files) *cobra.Command {
	var p Place
	var replaces, asCopy, asJSON bool
	var accept string
	c := usage.Command("finish --replaces|--as-copy", "Say what a restored directory is to be",
		`A restored directory keeps the pair id, and so every terminal would follow it and then refuse the pair that the backup is of, which
may be alive. So the host does nothing outward until somebody has said what it is to be; it must be stopped for that.

  --replaces  The host takes the place of one that is gone, or of a pair of which both are. What is lost is named, every update after
              the position of the backup, and nothing is done until that position is typed, or given with --accept-loss-after.
              If the old pair is alive after all, it loses its terminals to this one; hotpair terminal readmit, at each terminal,
              takes that back.
              Tokens by which terminals enrol are void once it is promoted. What was withdrawn after the backup, certificates of
              terminals and tokens of operators, is not withdrawn any more: withdraw it again.
  --as-copy   The host gets a new pair id, and an empty table of terminals, which counts from now on whatever HOTPAIR_TERMINALS says.
              Nothing of the old pair listens to it, and it knows none of the terminals that the old one has enrolled. Give it a witness
              of its own, another HOTPAIR_PAIR_SECRET, and certificates of an authority of its own, with another name: hotpair authority
              init. It does not start with what proves hosts of the old pair.`,
		`  hotpair restore finish --replaces --data /var/lib/hotpair --name a
  hotpair restore finish --replaces --accept-loss-after 3/2232
  hotpair restore finish --as-copy --data /tmp/look --name a`,
		cobra.NoArgs, func(ctx context.Context, c *cobra.Command, _ []string) error {
			if replaces == asCopy {
				return fmt.Errorf("%w: hotpair restore finish takes either --replaces or --as-copy", operator.ErrUsage)
			}
			if err := p.complete(c, os.Environ()); err != nil {
				return err
			}
			return finish(ctx, c, files, p, asCopy, accept, asJSON)
		})
	placed(c, &p)
	c.Flags().BoolVar(&replaces, "replaces", false, "it takes the place of a host or a pair that is gone")
	c.Flags().BoolVar(&asCopy, "as-copy", false, "it is a pair of its own from now on")
	c.Flags().StringVar(&accept, "accept-loss-after", "", "the position after which updates are lost; asked for when not given")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func finish(ctx context.Context, c *cobra.Command, files Files, p Place, asCopy bool, accept string, asJSON bool) error {
	what, err := files.Unfinished(p)
	if err != nil {
		return fmt.Errorf("restore finish: %w", err)
	}
	if !asCopy && what.AsCopy {
		return fmt.Errorf("restore finish: %w: %s is being made a copy, which can't be taken back: --as-copy finishes that; restore again to do otherwise", operator.ErrRefused, p.Dir)
	}
	if !asCopy {
		lost := &screen.Screen{Colour: screen.IsTerminal(c.ErrOrStderr())}
		lost.Headline(operator.Bad, fmt.Sprintf("Every update of pair %s after %s, of %s UTC, is lost with this host", wording.Or(what.PairID, "none"), what.Position, wording.Time(what.Time)))
		lost.Row("if", "the other host lives and holds them, nothing is: this one joins it and gets what it lacks")
		if what.Unproved {
			lost.Row("not proved", "nothing proved that the pair had made the backup: whoever made it decides what the pair holds")
		}
		lost.Row("withdrawn", "what was withdrawn after the backup, certificates of terminals and tokens of operators, is good again: withdraw it again")
		lost.Row("terminals", "those that attach to it refuse the old pair for good, should that be alive: stop it first")
		fmt.Fprint(c.ErrOrStderr(), lost.Out.String())
		if accept == "" {
			if err := screen.Confirm(ctx, c.InOrStdin(), c.ErrOrStderr(), what.Position); err != nil {
				return fmt.Errorf("restore finish: %w", err)
			}
			accept = what.Position
		}
		if accept != what.Position {
			return fmt.Errorf("restore finish: %w: updates after %s are lost, after %s was accepted; nothing was done", operator.ErrRefused, what.Position, wording.Printable(accept))
		}
	}
	done, err := files.Finish(ctx, p, asCopy)
	switch {
	case err != nil:
		return fmt.Errorf("restore finish: %w", err)
	case asJSON:
		return screen.JSON(c.OutOrStdout(), done)
	}
	s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
	if asCopy {
		s.Headline(operator.Good, fmt.Sprintf("%s is a pair of its own: %s, at position %s", done.Dir, done.PairID, done.Position))
		s.Row("terminals", wording.Count(uint64(done.Terminals), "terminal")+" taken out of its table, which is empty; the pair "+done.Was+" keeps its own")
		if done.Trust != "" {
			s.Row("never with", "the pair secret of that pair, nor a certificate of "+wording.Printable(done.Trust)+": it does not start with either")
		} else {
			s.Row("never with", "the pair secret and certificates of that pair; nothing here says what certificates those are")
		}
		s.Row("next", "give it a witness, a HOTPAIR_PAIR_SECRET and an authority (hotpair authority init) of its own, start it, hotpair promote --force --host "+done.Host)
	} else {
		s.Headline(operator.Good, fmt.Sprintf("%s is host %s of pair %s, at position %s", done.Dir, done.Host, done.PairID, done.Position))
		s.Row("next", "start it; hotpair status there says what it waits for. If both hosts are lost: hotpair promote --force --host "+done.Host)
	}
	fmt.Fprint(c.OutOrStdout(), s.Out.String())
	return nil
}
