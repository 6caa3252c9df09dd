//go:build !linux

package durable

import "os"

// Flush brings the content of a file to the disk: on macOS by F_FULLFSYNC, since fsync leaves it in the memory of the disk there, on Windows by
// FlushFileBuffers.
func Flush(f *os.File) error { return f.Sync() }
