//go:build !windows

package rights

import (
	"fmt"
	"os"
)

func beyond(file *os.File, group bool) (string, error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	kept := os.FileMode(0o077)
	if group {
		kept = 0o007
	}
	if info.Mode().Perm()&kept != 0 {
		return fmt.Sprintf("has mode %04o", info.Mode().Perm()), nil
	}
	return "", nil
}

func remedy(path string) string { return "chmod 600 " + path }
