package e2e_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
)

// TestFault_B2_AClusterWithoutReaderEndsInOrder: "hotpair cluster | head -1" ended at its next line by SIGPIPE, with all hosts killed and the
// directory left behind. It ends in order, as by Ctrl-C.
func TestFault_B2_AClusterWithoutReaderEndsInOrder(t *testing.T) {
	sideBySide(t)
	dir := filepath.Join(t.TempDir(), "pair")
	cmd := exec.Command(binary, "cluster", "--dir", dir, "--port", "0", "--terminals", "1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "ready: ") {
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := local.Send(t.Context(), dir, local.Order{Do: local.Kill, Host: local.HostB}); err != nil {
		t.Log("the cluster, which tells of that, ended before it answered:", err)
	}
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signaled() {
			t.Errorf("ended by signal %v", status.Signal())
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}
