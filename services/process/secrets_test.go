package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user that every machine has.
func nobody(t *testing.T) *Identity {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING OF THIS WAS TRIED: only root can start a process as somebody else")
	}
	i, err := LookUp("nobody")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// as starts a part as another user, with a pipe on which it tells its id.
func as(t *testing.T, user *Identity, part string) (*Child, *bufio.Scanner) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child, err := Start(Spec{Name: part, User: user, Environ: []string{"HELPER=" + part, "HOTPAIR_BUSINESS=in the environment"}, Files: []File{{SupervisorVariable, w}}})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { child.Kill(); child.Close(); r.Close() })
	return child, bufio.NewScanner(r)
}

// A secret is in no environment of a child of ours: it is passed beside it, once. A program of somebody else gets its environment as it is.
func TestSecrets_ArePassedApart(t *testing.T) {
	const secret = "HOTPAIR_PAIR_SECRET=0f1e2d3c4b5a69788796"
	environ := []string{"HELPER=secrets", "HOTPAIR_HOST=a", secret, "HOTPAIR_BUS_PASSWORD=something else"}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	child, err := Start(Spec{Name: "secrets", Environ: environ, Output: w})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	var said []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said = append(said, lines.Text())
	}
	if exit := child.Wait(); !exit.Clean() {
		t.Error(exit)
	}
	all := strings.Join(said, "\n")
	for _, entry := range environ {
		if !strings.Contains(all, entry) {
			t.Errorf("the child does not have %q:\n%s", entry, all)
		}
	}
	cmd, err := command(Spec{Name: "secrets", Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range cmd.ExtraFiles {
		defer file.Close()
	}
	if started := strings.Join(cmd.Env, "\n"); strings.Contains(started, "0f1e2d3c") || strings.Contains(started, "something else") || !strings.Contains(started, "HOTPAIR_HOST=a") {
		t.Errorf("it is started with\n%s", started)
	}
	if foreign, err := command(Spec{Name: "foreign", Path: "/bin/true", Environ: environ}); err != nil || !strings.Contains(strings.Join(foreign.Env, "\n"), secret) {
		t.Errorf("a program that knows nothing of this: %v, %v", foreign, err)
	}
	t.Setenv(secretsVariable, "1")
	if _, err := Environ(); !errors.Is(err, ErrDescriptor) {
		t.Errorf("a descriptor that is none: %v", err)
	}
}

// Other programs of the same user read nothing of a process that is sealed, and all of one that is not.
func TestSeal_HidesFromTheSameUser(t *testing.T) {
	user := nobody(t)
	for _, part := range []string{"open", "sealed"} {
		_, scanner := as(t, user, part)
		pid := told(t, scanner, 1)[part]
		for what, script := range map[string]string{
			"environment": "tr '\\0' '\\n' < /proc/%d/environ", "descriptors": "ls -l /proc/%d/fd/0", "memory": "head -c 0 < /proc/%d/mem", "mappings": "cat /proc/%d/maps",
		} {
			try := exec.Command("/bin/sh", "-c", fmt.Sprintf(script, pid))
			try.SysProcAttr = &syscall.SysProcAttr{Credential: user.credential()}
			out, err := try.CombinedOutput()
			if part == "open" && err != nil {
				t.Errorf("%s of a process that is not sealed can't be read, so this proves nothing: %v\n%s", what, err, out)
			}
			if part == "sealed" && (err == nil || !strings.Contains(string(out), "ermission denied")) {
				t.Errorf("%s of a sealed process is open: %v\n%s", what, err, out)
			}
		}
	}
}

// Whoever looks after a sealed process ends it by the lifeline all the same, although it can't see who holds that.
func TestLifeline_KillsWhatIsSealed(t *testing.T) {
	guard, scanner := as(t, nobody(t), "guard")
	pids := told(t, scanner, 2)
	if pids["killed"] != pids["sealed"] || pids["sealed"] == 0 {
		t.Errorf("%v", pids)
	}
	if exit := guard.Wait(); !exit.Clean() {
		t.Error(exit)
	}
}
