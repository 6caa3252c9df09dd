// Package archives has the backup commands that ask a host: write a backup to a file, make one now in the pair's backup
// destination, and list those.
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

// BackupCommand returns hotpair backup. files checks the format of backup files.
func BackupCommand(files offline.Files) *cobra.Command {
	var replace bool
	c := command.Argued("backup FILE", "Write a backup of the database to a file, while in service",
		`Writes a file with the whole database, the recorded answers and their history at one position. The pair keeps accepting
updates: the database is read in short pieces, and updates that arrive meanwhile are added to the file. In a cluster the active
is asked; --host or --http choose another host. The file is read back and checked as a whole before it gets its name, so a file
of that name is always a complete backup.

With HOTPAIR_BACKUP_TO the pair makes backups automatically: hotpair backup list, hotpair backup now.`,
		`  hotpair backup /backup/hotpair-$(date +%F).backup
  hotpair backup nightly.backup --replace --host b # from the standby, over last night's
  hotpair backup nightly.backup --json | jq -r .position
  hotpair backup check nightly.backup              # is it still complete?`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, f command.Asking, args []string) error {
			return backup(ctx, c, f, files, args[0], replace)
		})
	c.Flags().BoolVar(&replace, "replace", false, "replace an existing file, once the new one is complete")
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
	defer file.Discard() // does nothing once the file has its name
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
	proof := offline.Proof{Unproved: true} // it came from the host just now
	if secret, err := f.PairSecret(); err == nil {
		proof.Key = config.BackupKey(secret)
	}
	summary, err := offline.Checked(ctx, c, files, file.Name(), proof)
	if err != nil {
		return fmt.Errorf("backup: the received file is not complete: %w", err)
	}
	settle := file.Create // a file that appeared meanwhile stays
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

// destination returns the path of the backup: the target of a symbolic link, not the link. The error is ErrUsage for a
// file that must not be overwritten.
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
			return "", fmt.Errorf("%w: %s is a symbolic link to a file that does not exist: name the file itself", operator.ErrUsage, path)
		}
		if link, err = os.Lstat(to); err != nil {
			return "", fmt.Errorf("backup: %w", err)
		}
		path = to
	}
	if !link.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file: name a new file, or one to replace", operator.ErrUsage, path)
	}
	if !replace {
		return "", fmt.Errorf("%w: %s exists already; --replace overwrites it once the new backup is complete", operator.ErrUsage, path)
	}
	return path, nil
}
