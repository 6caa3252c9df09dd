package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/hotpair/hotpair/services/operator/wording"
)

const (
	// HeaderBackupSize is the approximate size of the backup, in bytes. TrailerBackupProblem follows a backup that
	// broke off, TrailerBackupPosition a complete one.
	HeaderBackupSize      = "Hotpair-Size"
	TrailerBackupProblem  = "Hotpair-Problem"
	TrailerBackupPosition = "Hotpair-Position"
)

// BackupOutput is written the bytes of a backup in their order.
type BackupOutput interface {
	// Begin is called with the approximate size before the first byte.
	Begin(size int64)
	io.Writer
}

// Backup writes a backup of the host's database to a writer. told is called with the bytes received so far and the
// approximate size. Errors: those of Backups, ErrUnreachable; then what was written is not a backup.
func (c *Client) Backup(ctx context.Context, to io.Writer, told func(got, size int64)) error {
	request, err := c.request(ctx, http.MethodPost, CallBackup.Path, nil)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.shown, reason(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return fmt.Errorf("%w at %s: the answer broke off: %w", ErrUnreachable, c.shown, reason(err))
		}
		return decodeAnswer(response.StatusCode, response.Header.Get("Content-Type"), body, nil)
	}
	size, err := strconv.ParseInt(response.Header.Get(HeaderBackupSize), 10, 64)
	if err != nil || size < 0 {
		return fmt.Errorf("%w: the server at %s is not a hotpair host", ErrUnreachable, c.shown)
	}
	got := int64(0)
	piece := make([]byte, 256<<10)
	for {
		n, err := response.Body.Read(piece)
		if n > 0 {
			if _, err := to.Write(piece[:n]); err != nil {
				return err
			}
			got += int64(n)
			told(got, size)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w at %s: the backup broke off: %w", ErrUnreachable, c.shown, reason(err))
		}
	}
	switch {
	case response.Trailer.Get(TrailerBackupProblem) != "":
		return fmt.Errorf("%w: %s", ErrUnfinished, wording.Printable(response.Trailer.Get(TrailerBackupProblem)))
	case response.Trailer.Get(TrailerBackupPosition) == "":
		return fmt.Errorf("%w at %s: the backup broke off", ErrUnreachable, c.shown)
	}
	return nil
}
