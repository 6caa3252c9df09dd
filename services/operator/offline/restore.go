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

// RestoreCommand returns hotpair restore with its subcommand finish.
func RestoreCommand(files Files) *cobra.Command {
	var q RestoreRequest
	var asJSON bool
	var by proving
	c := usage.Command("restore FILE", "Make the data directory of a stopped host from a backup",
		`Makes a data directory from a backup. It needs no running host, and refuses a directory that is not empty, unless --aside is given:
then the old content is moved into a folder within it, never deleted. The whole file is checked before anything is built, and it
must be proved that the pair made it: with the pair secret of that time, which is read from HOTPAIR_PAIR_SECRET or
HOTPAIR_PAIR_SECRET_FILE, with --dir from the files of a cluster, else from /etc/hotpair/host.env. The directory may be a mount
point or a symbolic link. An encrypted backup (HOTPAIR_BACKUP_RECIPIENT) is decrypted while it is read: --identity names the key.
An interrupted restore leaves either the old or the restored content, and the next start says so.

The restored host has a new identity and is not a member of the pair, because a backup is old. It starts, but does nothing outward:
it dials no terminal, no witness and no other host. hotpair restore finish completes it:
  --replaces  It replaces what was lost. If the other host is alive and serves, it joins automatically. If both are lost, start it
              with the same witness and terminals, and hotpair promote --force there; then start the other host with an empty
              directory. Every update after the backup's position is lost.
  --as-copy   It becomes a pair of its own, independent of the pair of the backup: for a test, or to look something up.`,
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
	c.Flags().BoolVar(&q.MoveAway, "aside", false, "move the content of the directory into a folder within it")
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
		return fmt.Errorf("restore: %w; --aside moves its content into a folder within it", err)
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	case asJSON:
		return screen.JSON(c.OutOrStdout(), done)
	}
	Show(c, "restored", done.Summary)
	s := &screen.Screen{}
	s.Row("into", done.Dir+", as host "+done.Host+" with the new identity "+done.Identity)
	if done.Moved != "" {
		s.Row("aside", "the old content is in "+done.Moved)
	}
	s.Row("next", "hotpair restore finish --replaces, or --as-copy: until then the host does nothing outward; hotpair restore --help says what each means")
	fmt.Fprint(c.OutOrStdout(), s.Out.String())
	return nil
}

func finishCommand(files Files) *cobra.Command {
	var p Place
	var replaces, asCopy, asJSON bool
	var accept string
	c := usage.Command("finish --replaces|--as-copy", "Complete a restore: as the same pair, or as a copy",
		`A restored directory keeps the pair id, so every terminal would follow it and then refuse the pair of the backup, which may be
alive. So the host does nothing outward until the restore is finished with this command; it must be stopped for that.

  --replaces  The host replaces one that is gone, or a pair of which both hosts are. The command names the loss, every update after
                the position of the backup, and does nothing until that position is typed, or given with --accept-loss-after. If
                the old pair is alive after all, it loses its terminals to this one; hotpair terminal readmit, at each terminal,
                undoes that. Enrolment tokens of terminals are void once it is promoted. Certificates of terminals and tokens of
                operators that were withdrawn after the backup are valid again: withdraw them again.
    --as-copy   The host gets a new pair id, and an empty table of terminals, which is used instead of HOTPAIR_TERMINALS from now on.
                Nothing of the old pair listens to it, and it knows no terminal that the old pair enrolled. Give it a witness of its
                own, another HOTPAIR_PAIR_SECRET, and certificates of an authority of its own, with another name: hotpair authority
                init. It does not start with the secret or certificates of the old pair.`,
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
	c.Flags().BoolVar(&replaces, "replaces", false, "the host replaces a host or a pair that is gone")
	c.Flags().BoolVar(&asCopy, "as-copy", false, "the host becomes a pair of its own")
	c.Flags().StringVar(&accept, "accept-loss-after", "", "the position after which updates are lost; the command asks if not given")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func finish(ctx context.Context, c *cobra.Command, files Files, p Place, asCopy bool, accept string, asJSON bool) error {
	what, err := files.Unfinished(p)
	if err != nil {
		return fmt.Errorf("restore finish: %w", err)
	}
	if !asCopy && what.AsCopy {
		return fmt.Errorf("restore finish: %w: %s is being made a copy, which can't be undone: --as-copy finishes that; restore again to do otherwise", operator.ErrRefused, p.Dir)
	}
	if !asCopy {
		lost := &screen.Screen{Colour: screen.IsTerminal(c.ErrOrStderr())}
		lost.Headline(operator.Bad, fmt.Sprintf("Every update of pair %s after %s, of %s UTC, is lost with this host", wording.Or(what.PairID, "none"), what.Position, wording.Time(what.Time)))
		lost.Row("unless", "the other host is alive and holds them: this one joins it and gets what it lacks")
		if what.Unproved {
			lost.Row("not proved", "it is not proved that the pair made the backup: its maker decides what the pair holds")
		}
		lost.Row("withdrawn", "certificates of terminals and tokens of operators that were withdrawn after the backup are valid again: withdraw them again")
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
		s.Row("terminals", wording.Count(uint64(done.Terminals), "terminal")+" removed from its table, which is empty; the pair "+done.Was+" keeps its own")
		if done.Trust != "" {
			s.Row("never with", "the pair secret of that pair, nor a certificate of "+wording.Printable(done.Trust)+": it does not start with either")
		} else {
			s.Row("never with", "the pair secret and certificates of that pair; the backup does not say which certificates those are")
		}
		s.Row("next", "give it a witness, a HOTPAIR_PAIR_SECRET and an authority (hotpair authority init) of its own, start it, hotpair promote --force --host "+done.Host)
	} else {
		s.Headline(operator.Good, fmt.Sprintf("%s is host %s of pair %s, at position %s", done.Dir, done.Host, done.PairID, done.Position))
		s.Row("next", "start it; hotpair status there says what it waits for. If both hosts are lost: hotpair promote --force --host "+done.Host)
	}
	fmt.Fprint(c.OutOrStdout(), s.Out.String())
	return nil
}
