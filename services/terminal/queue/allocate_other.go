//go:build !linux

package queue

import "os"

// allocate extends a file; later writes may still find no room, and are refused then.
func allocate(f *os.File, bytes int64) error { return lengthen(f, bytes) }
