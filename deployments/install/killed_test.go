package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/identity"
)

// stepVariable has the test binary join or leave, and kill itself behind a step: ROOT, BUNDLE, STEP, or ROOT, "", STEP for a leave.
const stepVariable = "HOTPAIR_TEST_KILL"

func TestMain(m *testing.M) {
	if order, told := os.LookupEnv(stepVariable); told {
		os.Exit(killed(strings.Split(order, "|")))
	}
	os.Exit(m.Run())
}

func killed(order []string) int {
	n := 0
	progress := func(string) {
		if n++; fmt.Sprint(n) == order[2] {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // no step behind it is begun
			for {                                          // a select without cases is a deadlock to the runtime where nothing else waits
				time.Sleep(time.Hour)
			}
		}
	}
	var err error
	if order[1] == "" {
		_, err = Leaver{Root: order[0], DeleteData: true, Progress: progress}.Leave(context.Background())
	} else {
		var raw []byte
		var b bundle.Bundle
		if raw, err = os.ReadFile(order[1]); err == nil {
			if b, err = bundle.Decode(raw, ""); err == nil {
				j := joiner(order[0], b, raw)
				j.Program, j.Progress = "/usr/local/bin/hotpair", progress
				_, err = j.Join(context.Background(), true)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// kill runs a join or a leave that is killed behind a step, and reports whether there was that step.
func kill(t *testing.T, root, file string, step int) bool {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%d", stepVariable, root, file, step))
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("step %d: %v\n%s", step, err, out)
	}
	return false
}

// TestJoin_KilledAtEachStep: what a killed join has left starts nothing, is done by the next one, and can be taken back by a leave, which may be
// killed at each of its steps too.
func TestJoin_KilledAtEachStep(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	file := filepath.Join(t.TempDir(), "a.bundle")
	must(t, os.WriteFile(file, raw[0], 0o600))
	whole := func(root string) Joined {
		t.Helper()
		j := joiner(root, list[0], raw[0])
		j.Program = "/usr/local/bin/hotpair"
		done, err := j.Join(t.Context(), true)
		must(t, err)
		return done
	}
	untouched := machine(t)
	root := machine(t)
	whole(root)
	want, empty := tree(t, root), tree(t, untouched)
	steps := 0
	for step := 1; ; step++ {
		root := machine(t)
		if !kill(t, root, file, step) {
			break
		}
		steps++
		_, err := ProcessOf(root, nil)
		had, errMark := PlaceOf(identity.RoleHost, root).readMark()
		must(t, errMark)
		if (err == nil) != (had.State == joined) {
			t.Errorf("killed behind step %d: %v", step, err)
		}
		if step%2 == 0 {
			if done := whole(root); done.Already != (had.State == joined) {
				t.Errorf("killed behind step %d: %+v", step, done)
			}
			same(t, want, tree(t, root))
			continue
		}
		_, err = Leaver{Root: root, DeleteData: true}.Leave(t.Context())
		must(t, err)
		withoutFolders(t, empty, tree(t, root))
	}
	if steps < 12 {
		t.Errorf("%d steps", steps)
	}
	for step := 1; ; step++ {
		root := machine(t)
		whole(root)
		if !kill(t, root, "", step) {
			if step < 5 {
				t.Errorf("a leave has %d steps", step)
			}
			break
		}
		if _, err := ProcessOf(root, nil); err == nil {
			t.Errorf("leave killed behind step %d: it can be run", step)
		}
		_, err := Leaver{Root: root, DeleteData: true}.Leave(t.Context())
		if err != nil && !errors.Is(err, ErrNoMember) { // behind the last step there is nothing to do
			t.Errorf("leave killed behind step %d: %v", step, err)
		}
		withoutFolders(t, empty, tree(t, root))
	}
}

// withoutFolders is same, but for folders that are not ours to remove.
func withoutFolders(t *testing.T, before, after map[string]string) {
	t.Helper()
	for _, name := range []string{"etc/hotpair", "etc/systemd", "etc/systemd/system", "var", "var/lib"} {
		delete(after, name)
	}
	same(t, before, after)
}
