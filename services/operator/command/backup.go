package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// BackupCommands gives backup and restore. They need who knows the form of the files.
func BackupCommands(files operator.BackupFiles) []*cobra.Command {
	return []*cobra.Command{backupCommand(files), restoreCommand(files)}
}

func backupCommand(files operator.BackupFiles) *cobra.Command {
	f := &flags{}
	var replace bool
	c := argued("backup FILE", "Write a backup of the database into a file, while in service",
		`Writes a file that holds the whole database, the recorded answers and their history as they are at one position. Updates go on
meanwhile: the database is read in short pieces, and the updates that came since are in the file too. Of a cluster the host that
serves is asked; any host can be, with --host or --http. The file is read back and checked as a whole before it gets its name,
so a file of that name is always a whole backup.`,
		`  hotpair backup /backup/hotpair-$(date +%F).backup
  hotpair backup nightly.backup --replace --host b # from the standby, over last night's
  hotpair backup nightly.backup --json | jq -r .position
  hotpair backup check nightly.backup              # is it still whole?`,
		f, cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			return f.backup(ctx, c, files, args[0], replace)
		})
	c.Flags().BoolVar(&replace, "replace", false, "replace a file that is there, once the new one is whole")
	c.AddCommand(backupCheckCommand(files))
	return c
}

func (f *flags) backup(ctx context.Context, c *cobra.Command, files operator.BackupFiles, path string, replace bool) (err error) {
	if _, err := os.Lstat(path); err == nil && !replace {
		return fmt.Errorf("%w: %s is there already; --replace writes over it once the new one is whole", operator.ErrUsage, path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	client, err := f.client(ctx, c)
	if err != nil {
		return err
	}
	file, err := durable.Begin(path)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer file.Discard() // gone once it has its name
	bar := screen.NewProgress(c.ErrOrStderr(), "backup")
	err = client.Backup(ctx, file, func(got, size int64) {
		bar.Show(min(float64(got)/float64(max(size, 1)), 0.99), wording.Bytes(got))
	})
	bar.End()
	if err == nil {
		err = file.Flush()
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	summary, err := checked(c, files, file.Name())
	if err != nil {
		return fmt.Errorf("backup: what came is not whole: %w", err)
	}
	settle := file.Create // what came to be there meanwhile stays
	if replace {
		settle = file.Replace
	}
	if err := settle(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	summary.File = path
	if f.json {
		return printJSON(c, summary)
	}
	backupScreen(c, "backup", summary)
	return nil
}

func checked(c *cobra.Command, files operator.BackupFiles, path string) (operator.BackupSummary, error) {
	bar := screen.NewProgress(c.ErrOrStderr(), "check")
	defer bar.End()
	return files.Check(path, func(done float64) { bar.Show(done, "") })
}

func backupCheckCommand(files operator.BackupFiles) *cobra.Command {
	f := &flags{}
	c := argued("check FILE", "Read a backup and say whether it is whole",
		`Reads the whole file: its checksum, every value in it, and the chain of its history. Nothing else is needed, no host is asked.
Exit code 1 if it is not whole, with what is wrong and where.`,
		`  hotpair backup check nightly.backup
  hotpair backup check nightly.backup --json | jq -r '.position, .sha256'`,
		f, cobra.ExactArgs(1), func(_ context.Context, c *cobra.Command, args []string) error {
			summary, err := checked(c, files, args[0])
			if err != nil {
				return fmt.Errorf("backup check: %w", err)
			}
			if f.json {
				return printJSON(c, summary)
			}
			backupScreen(c, "whole", summary)
			return nil
		})
	return c
}

func backupScreen(c *cobra.Command, what string, b operator.BackupSummary) {
	s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
	s.Headline(operator.Good, fmt.Sprintf("%s: %s, %s at position %s", what, b.File, wording.Bytes(b.Bytes), b.Position))
	s.Line("")
	s.Row("made", wording.Time(b.Made)+" on host "+b.From+"; the last update in it is of "+wording.Time(b.Time))
	s.Row("pair", wording.Or(b.PairID, "none"))
	s.Row("holds", wording.Count(uint64(b.Items), "key")+" and "+wording.Count(uint64(b.Updates), "update")+" that came while it was made")
	s.Row("digest", b.Digest)
	s.Row("sha256", b.SHA256)
	fmt.Fprint(c.OutOrStdout(), s.Out.String())
}

func restoreCommand(files operator.BackupFiles) *cobra.Command {
	f := &flags{}
	var q operator.RestoreRequest
	c := &cobra.Command{
		Use: "restore FILE", Short: "Make the data directory of a stopped host from a backup",
		Long: `Makes a data directory from a backup. It needs no running host, and refuses a directory that holds anything, unless --aside is given:
then what is there is moved beside it, never deleted. The file is checked as a whole before anything is built, and the directory
comes into its place in one step.

What comes of it: the host gets a new identity and is no member of the pair, because a backup is old. It never serves by itself.
  - The other host is alive and serves: start this one; it joins by itself or waits for hotpair admit, and gets what it lacks.
  - Both hosts are lost: restore one, start it with the witness and the terminals as they were, and hotpair promote --force
    there. It names what is lost: every update after the backup's position. Then start the other host with an empty directory.

Exit code: 0 done, 1 failed, 2 wrong usage.`,
		Example: `  hotpair backup check nightly.backup
  HOTPAIR_HOST=a HOTPAIR_DATA=/var/lib/hotpair hotpair restore nightly.backup
  hotpair restore nightly.backup --data /var/lib/hotpair --name a --aside`,
		SilenceUsage: true, SilenceErrors: true,
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%w: hotpair restore takes one FILE; see hotpair restore --help", operator.ErrUsage)
		}
		return nil
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", operator.ErrUsage, err, c.CommandPath())
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := complete(&q, os.Environ()); err != nil {
			return err
		}
		q.File = args[0]
		bars := map[string]*screen.Progress{}
		defer func() {
			for _, bar := range bars {
				bar.End()
			}
		}()
		done, err := files.Restore(c.Context(), q, func(what string, done float64) {
			if bars[what] == nil {
				bars[what] = screen.NewProgress(c.ErrOrStderr(), what)
			}
			bars[what].Show(done, "")
		})
		if err != nil {
			if errors.Is(err, operator.ErrRefused) {
				return fmt.Errorf("restore: %w; --aside moves what is there beside it", err)
			}
			return fmt.Errorf("restore: %w", err)
		}
		if f.json {
			return printJSON(c, done)
		}
		backupScreen(c, "restored", done.BackupSummary)
		s := &screen.Screen{}
		s.Row("into", done.Dir+", as host "+done.Host+" with the new identity "+done.Identity)
		if done.Aside != "" {
			s.Row("aside", "what was there is in "+done.Aside)
		}
		s.Row("next", "start the host; hotpair status there says what it waits for, hotpair restore --help what to do")
		fmt.Fprint(c.OutOrStdout(), s.Out.String())
		return nil
	}
	c.Flags().StringVar(&q.Dir, "data", "", "data directory (default HOTPAIR_DATA)")
	c.Flags().StringVar(&q.Host, "name", "", "name of the host (default HOTPAIR_HOST)")
	c.Flags().BoolVar(&q.Aside, "aside", false, "move what the directory holds beside it")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return c
}

// complete fills in from the environment what no flag said. The error is ErrUsage.
func complete(q *operator.RestoreRequest, environ []string) error {
	given := environ
	if q.Dir != "" {
		given = append(given[:len(given):len(given)], config.Prefix+"_DATA="+q.Dir)
	}
	if q.Host != "" {
		given = append(given[:len(given):len(given)], config.Prefix+"_HOST="+q.Host)
	}
	place, err := config.Load[config.Place](given)
	if err != nil {
		return fmt.Errorf("%w: restore needs --data and --name, or the environment of the host: %w", operator.ErrUsage, err)
	}
	q.Dir, q.Host = place.Data, place.Host
	return nil
}
