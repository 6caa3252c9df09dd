package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is also every process that the tests start: HELPER says which.
func TestMain(m *testing.M) {
	if part := os.Getenv("HELPER"); part != "" {
		if err := play(part); err != nil {
			fmt.Fprintln(os.Stderr, part, err)
			SayLastWords(os.Environ(), err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play acts one part. A part tells its process id on the pipe for supervisors, as "name pid".
func play(part string) error {
	inheritance, err := Inherit(os.Environ())
	if err != nil {
		return err
	}
	tell := func(name string, pid int) {
		if inheritance.SupervisorFD != 0 {
			_, err = unix.Write(inheritance.SupervisorFD, []byte(name+" "+strconv.Itoa(pid)+"\n"))
		}
	}
	switch part {
	case "crash":
		os.Exit(7)
	case "complain":
		return errors.New("the disk is full:\n\x1b[31mfree \xff some space " + strings.Repeat("x", 2*longestWords))
	case "print":
		fmt.Println("on output")
		fmt.Fprintln(os.Stderr, "on error")
		fmt.Print("without end")
		return nil
	case "environment":
		for _, entry := range os.Environ() {
			fmt.Println(entry)
		}
		return nil
	case "secrets":
		environ, err := Environ()
		if err != nil {
			return err
		}
		for _, entry := range environ {
			fmt.Println(entry)
		}
		return nil
	case "open", "sealed":
		if part == "sealed" {
			if err := Seal(); err != nil {
				return err
			}
		}
		tell(part, os.Getpid())
		forever()
	case "guard":
		// What a supervisor is to its main: of its user, and no more.
		life, err := NewLifeline()
		if err != nil {
			return err
		}
		read, write, err := os.Pipe()
		if err != nil {
			return err
		}
		child, err := Start(Spec{Name: "sealed", Environ: []string{"HELPER=sealed"}, LifelineFD: life.FD(), Files: []File{{SupervisorVariable, write}}})
		if err != nil {
			return err
		}
		if _, err := read.Read(make([]byte, 64)); err != nil { // it is sealed
			return err
		}
		tell("sealed", child.PID())
		killed, err := life.Kill()
		for _, pid := range killed {
			tell("killed", pid)
		}
		child.Wait()
		return err
	case "slack":
		slack := make(chan int)
		for range 2 { // a thread for each
			go func() {
				runtime.LockOSThread()
				own, _ := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
				slack <- own
				forever()
			}()
		}
		fmt.Println(time.Duration(<-slack), time.Duration(<-slack))
		return nil
	case "monitored":
		SetSlack()
		fmt.Println(slackOfThreads())
		return nil
	case "polite":
		ctx, stop := Context(context.Background())
		defer stop()
		tell("polite", os.Getpid())
		<-ctx.Done()
		return nil
	case "lingering":
		ctx, stop := Context(context.Background())
		defer stop()
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("ending")
		forever()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		tell("stubborn", os.Getpid())
		forever()
	case "leaf":
		tell("leaf", os.Getpid())
		forever()
	case "middle", "top":
		below := map[string]string{"top": "middle", "middle": "leaf"}[part]
		file := os.NewFile(uintptr(inheritance.SupervisorFD), "told")
		_, err := Start(Spec{Name: below, Environ: []string{"HELPER=" + below}, LifelineFD: inheritance.LifelineFD,
			Files: []File{{SupervisorVariable, file}}})
		if err != nil {
			return err
		}
		tell(part, os.Getpid())
		forever()
	case "careless":
		// A program that knows nothing of lifelines starts a daemon that nobody will kill.
		daemon := exec.Command("/bin/sleep", "600")
		daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := daemon.Start(); err != nil {
			return err
		}
		tell("daemon", daemon.Process.Pid)
		forever()
	}
	return err
}

// stage starts a part with a lifeline and a pipe on which processes tell their ids.
func stage(t testing.TB, part string) (*Child, *Lifeline, *bufio.Scanner) {
	t.Helper()
	life, err := NewLifeline()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child, err := Start(Spec{Name: part, Environ: []string{"HELPER=" + part}, LifelineFD: life.FD(), Files: []File{{SupervisorVariable, w}}})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := life.Release(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Kill()
		child.Close()
		life.Kill()
		life.Close()
		r.Close()
	})
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	return child, life, bufio.NewScanner(r)
}

// told reads the ids of n processes.
func told(t testing.TB, scanner *bufio.Scanner, n int) map[string]int {
	t.Helper()
	pids := map[string]int{}
	for len(pids) < n {
		if !scanner.Scan() {
			t.Fatalf("only %v told their ids: %v", pids, scanner.Err())
		}
		var name string
		var pid int
		if _, err := fmt.Sscan(scanner.Text(), &name, &pid); err != nil {
			t.Fatal(err)
		}
		pids[name] = pid
	}
	return pids
}

// alive tells whether a process exists and is no zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	var state byte
	for i := len(text) - 1; i > 0; i-- {
		if text[i] == ')' {
			state = text[i+2]
			break
		}
	}
	return state != 'Z' && state != 'X'
}

// forever waits until the process is ended. For the runtime, a select without cases is a deadlock where nothing else waits.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}
