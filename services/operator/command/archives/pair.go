package archives

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/command"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// followPace is how often a command asks for the progress of work on a host.
const followPace = 300 * time.Millisecond

// ListCommand returns hotpair backup list.
func ListCommand() *cobra.Command {
	return command.Argued("list", "List the backups that the pair makes automatically",
		`Lists the backups in the destination of the asked host (HOTPAIR_BACKUP_TO), the newest first, and the state of the pair's
backups: how old the last good one is, which host makes the next one, and why an attempt failed. The hosts may have different
destinations: --host or --http asks the other one. Only complete backups of this pair are listed.`,
		`  hotpair backup list
  hotpair backup list --json | jq -r '.shelf.kept[0].name'`,
		cobra.NoArgs, func(ctx context.Context, c *cobra.Command, a command.Asking, _ []string) error {
			client, err := a.Client(ctx, c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, operator.CallBackups.Within+hosts.Within)
			defer cancel()
			found, err := operator.CallBackups.Ask(ctx, client, operator.None{})
			if err != nil {
				return fmt.Errorf("backup list: %w", err)
			}
			return a.Show(c, found, func(s *screen.Screen) { listScreen(s, found, time.Now()) })
		})
}

func listScreen(s *screen.Screen, o backups.Overview, now time.Time) {
	level := operator.Good
	if o.Upkeep.Old || o.Upkeep.Failed != nil {
		level = operator.Warning
	}
	s.Headline(level, o.Upkeep.Sentence(now))
	if t := o.Upkeep.Tried; t != nil {
		s.Row("on trial", fmt.Sprintf("%s was restored and read completely, %s", t.Name, wording.Time(t.At)))
	}
	s.Line("")
	s.Line(fmt.Sprintf("%s, as %s sees it:", o.Shelf.Place, o.Shelf.Host))
	for _, k := range o.Shelf.Kept {
		s.Line("  " + screen.Pad(wording.Time(k.At), 21) + screen.Pad(k.Host, 10) + screen.Pad(wording.Bytes(k.Bytes), 12) + k.Name)
	}
	switch {
	case len(o.Shelf.Kept) == 0:
		s.Line("  none of this pair")
	case o.Shelf.More > 0:
		s.Line(fmt.Sprintf("  and %d older ones", o.Shelf.More))
	}
}

// NowCommand returns hotpair backup now.
func NowCommand() *cobra.Command {
	var begin bool
	c := command.Argued("now", "Make a backup now in the pair's backup destination",
		`Makes a backup at once, on the host whose turn it is: the standby if it is in sync, otherwise the active. It is made,
checked and kept like the automatic ones, and counts as the last one. The command waits until the backup is complete or has
failed; interrupting the command does not stop the backup.`,
		`  hotpair backup now
  hotpair backup now --begin   # do not wait`,
		cobra.NoArgs, func(ctx context.Context, c *cobra.Command, a command.Asking, _ []string) error {
			client, err := a.Client(ctx, c)
			if err != nil {
				return err
			}
			asking, cancel := context.WithTimeout(ctx, operator.CallMakeBackup.Within+hosts.Within)
			defer cancel()
			ordered, err := operator.CallMakeBackup.Ask(asking, client, operator.None{})
			if err != nil {
				return fmt.Errorf("backup now: %w", err)
			}
			if begin {
				return a.Show(c, ordered, func(s *screen.Screen) { s.Headline(operator.Good, ordered.Host+" makes a backup: hotpair backup list") })
			}
			made, err := follow(ctx, client, ordered, screen.NewProgress(c.ErrOrStderr(), "backup"))
			if err != nil {
				return fmt.Errorf("backup now: %w", err)
			}
			return a.Show(c, made, func(s *screen.Screen) {
				s.Headline(operator.Good, fmt.Sprintf("backup: %s, %s at position %s", made.Name, wording.Bytes(made.Bytes), made.Position))
				s.Row("in", made.Place+", made by "+made.Host+" in "+wording.Ago(made.Took))
				if made.Tried {
					s.Row("on trial", "restored and read completely")
				}
				if made.Sealed != "" {
					s.Row("encrypted", "to "+made.Sealed)
				}
			})
		})
	c.Flags().BoolVar(&begin, "begin", false, "do not wait until it is complete")
	return c
}

// errUnheard says that the progress of a backup is unknown.
var errUnheard = errors.New("it is not known whether the backup continues, see hotpair backup list")

// follow waits until the pair has recorded the backup, or the host that makes it reports a failure.
func follow(ctx context.Context, client *operator.Client, ordered backups.Ordered, bar *screen.Progress) (backups.Made, error) {
	defer bar.End()
	for failures := 0; ; {
		select {
		case <-time.After(followPace):
		case <-ctx.Done():
			return backups.Made{}, fmt.Errorf("%w: %s continues the backup", operator.ErrUnfinished, ordered.Host)
		}
		s, err := operator.CallStatus.Ask(ctx, client, operator.None{})
		if err == nil && s.Host != ordered.Host {
			s, err = operator.CallPeer.Ask(ctx, client, operator.None{})
		}
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil || s.Backups == nil:
			if failures++; failures > 20 {
				return backups.Made{}, errors.Join(errUnheard, err)
			}
			continue
		}
		failures = 0
		b := s.Backups
		switch {
		case b.Last != nil && b.Last.Host == ordered.Host && !b.Last.At.Before(ordered.At.Truncate(time.Millisecond)):
			return *b.Last, nil
		case b.Failed != nil && !b.Failed.At.Before(ordered.At):
			return backups.Made{}, fmt.Errorf("%w: %s", operator.ErrUnfinished, b.Failed.Why)
		}
		bar.Show(-1, "made by "+ordered.Host)
	}
}
