package subject

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

// VersionOf says what a binary is: what it says itself, and the digest of its file, since the first can be the same for two
// states of a work tree.
func VersionOf(ctx context.Context, binary string) (string, error) {
	text, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return "", fmt.Errorf("version of %s: %w", binary, err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	f, err := os.Open(binary)
	if err != nil {
		return "", fmt.Errorf("version: %w", err)
	}
	defer f.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, f); err != nil {
		return "", fmt.Errorf("version of %s: %w", binary, err)
	}
	return fmt.Sprintf("%s, file %x", strings.TrimSpace(first), digest.Sum(nil)[:6]), nil
}

// Machine is what it runs on.
func Machine() result.Machine {
	m := result.Machine{CPUs: runtime.NumCPU(), Memory: proc.Memory(), Go: runtime.Version()}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if label, name, _ := strings.Cut(line, ":"); strings.TrimSpace(label) == "model name" {
				m.Model = strings.TrimSpace(name)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	return m
}
