package format

import (
	"errors"
	"os"
)

// SyncDir makes the names in a directory durable: without it a file that was created or renamed may be gone after
// a power failure although its content was fsynced.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// WriteSynced creates or replaces path with data and fsyncs it. The name is not durable before SyncDir.
func WriteSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
