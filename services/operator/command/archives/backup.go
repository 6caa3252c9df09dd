// Package archives has the commands for backups that ask a host: to write one into a file, to make one where the pair keeps its own, and to
// list those.
package archives

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/command"
	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// BackupCommand gives backup. It needs who knows the form of the files.
func BackupCommand(files offline.Files) *cobra.Command {
	var replace bool
	c := command.Argued("backup FILE", "Write a backup of the database into a file, while in service",
		`Writes a file that holds the whole database, the recorded answers and their history as they are at one position. Updates go on
meanwhile: the database is read in short pieces, and the updates that came since are in the file too. Of a cluster the host that
serves is asked; any host can be, with --host or --http. The file is read back and checked as a whole before it gets its name,
so a file of that name is always a whole backup.

A pair that is set to (HOTPAIR_BACKUP_TO) makes backups by itself: hotpair backup list, hotpair backup now.`,
		`  hotpair backup /backup/hotpair-$(date +%F).backup
  hotpair backup nightly.backup --replace --host b # from the standby, over last night's
  hotpair backup nightly.backup --json | jq -r .position
  hotpair backup check nightly.backup              # is it still whole?`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, f command.Asking, args []string) error {
			return backup(ctx, c, f, files, args[0], replace)
		})
	c.Flags().BoolVar(&replace, "replace", false, "replace a file that is there, once the new one is whole")
	return c
}

func backup(ctx context.Context, c *cobra.Command, f command.Asking, files offline.Files, path string, replace bool) (err error) {
	if path, err = destination(path, replace); err != nil {
		return err
	}
	client, err := f.Client(ctx, c)
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
	proof := offline.Proof{Unproved: true} // it came from the host this moment
	if secret, err := f.PairSecret(); err == nil {
		proof.Key = config.BackupKey(secret)
	}
	summary, err := offline.Checked(ctx, c, files, file.Name(), proof)
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
	if f.JSON() {
		return screen.JSON(c.OutOrStdout(), summary)
	}
	offline.Show(c, "backup", summary)
	return nil
}

// destination is where a backup goes: what a symbolic link names, not the link. The error is ErrUsage for what must not be
// written over.
func destination(path string, replace bool) (string, error) {
	link, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil
	case err != nil:
		return "", fmt.Errorf("backup: %w", err)
	case link.Mode()&fs.ModeSymlink != 0:
		to, err := filepath.EvalSymlinks(path)
		if err != nil {
			return "", fmt.Errorf("%w: %s is a symbolic link to what does not exist: name the file itself", operator.ErrUsage, path)
		}
		if link, err = os.Lstat(to); err != nil {
			return "", fmt.Errorf("backup: %w", err)
		}
		path = to
	}
	if !link.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is no regular file: name a file, new or to be replaced", operator.ErrUsage, path)
	}
	if !replace {
		return "", fmt.Errorf("%w: %s is there already; --replace writes over it once the new one is whole", operator.ErrUsage, path)
	}
	return path, nil
}
