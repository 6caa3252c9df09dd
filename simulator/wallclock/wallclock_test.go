package wallclock

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// readsClocks has this test binary be a program that says what its clocks are, a line for each that it is sent.
const readsClocks = "WALLCLOCK_READS"

func TestMain(m *testing.M) {
	if os.Getenv(readsClocks) == "" {
		os.Exit(m.Run())
	}
	for range 2 { // threads that do nothing else, so that some are within the function whenever it is replaced
		go func() {
			for {
				_ = time.Now()
			}
		}()
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var boot unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
		fmt.Println(time.Now().UnixNano(), boot.Nano())
	}
}

// A program that reads its clock all the time finds it moved, there and back, and its other clocks where they were.
func TestSet_MovesTheClockOfAProgramThatRuns(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), readsClocks+"=yes")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	ahead := func() (wall, boot time.Duration) {
		t.Helper()
		_, err := io.WriteString(in, "\n")
		if err != nil || !lines.Scan() {
			t.Fatal("the program is gone: ", err)
		}
		said := strings.Fields(lines.Text())
		var numbers [2]int64
		for i := range numbers {
			if numbers[i], err = strconv.ParseInt(said[i], 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		var own unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &own); err != nil {
			t.Fatal(err)
		}
		return time.Duration(numbers[0] - time.Now().UnixNano()), time.Duration(numbers[1] - own.Nano())
	}
	const year, near = 365 * 24 * time.Hour, time.Minute
	ahead() // it runs, and has all that it is made of
	for _, want := range []time.Duration{0, 10 * year, -2 * year, 5 * time.Minute, 0} {
		if err := Set(c.Process.Pid, want); err != nil {
			t.Fatal(err)
		}
		if wall, boot := ahead(); (wall-want).Abs() > near || boot.Abs() > near {
			t.Errorf("moved by %s: the wall clock is %s ahead, the boot clock %s", want, wall, boot)
		}
	}
	_ = in.Close()
	if err := c.Wait(); err != nil {
		t.Error("the program: ", err)
	}
	if err := Set(c.Process.Pid, year); !errors.Is(err, ErrGone) {
		t.Errorf("a program that has ended: %v", err)
	}
}
