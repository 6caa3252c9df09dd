package rivals

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/load"
)

// ErrDriver says that the process of a system's clients did not do its job.
var ErrDriver = errors.New("clients of another system")

// Job is what clients of a system are to do.
type Job struct {
	Clients     int
	Connections int           // that they share
	Reads       bool          // they read what is written before, and write nothing
	At          []string      // endpoints that they are told of, where not of all
	Try         time.Duration // how long each waits for an answer before it tries again
}

// jobWithin bounds a job whose end nobody tells.
const jobWithin = 5 * time.Minute

// Drive has the program driver, which is package peers, be the clients of the system. Once each of them has been answered it does
// something meanwhile, which is told of their process; it gives what they were answered. Error: ErrDriver.
func (s *System) Drive(ctx context.Context, driver string, j Job, meanwhile func(pid int) error) (*load.Clients, error) {
	endpoints := s.Endpoints
	if len(j.At) > 0 {
		endpoints = j.At
	}
	text, err := json.Marshal(map[string]any{
		"system": s.Name, "endpoints": endpoints, "master": Master, "clients": j.Clients, "connections": j.Connections, "reads": j.Reads,
		"try_ns": j.Try, "duration_ns": jobWithin,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDriver, err)
	}
	// What outlives this process notices that its standard input has ended.
	cmd := exec.CommandContext(ctx, driver)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDriver, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDriver, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDriver, err)
	}
	o, err := exchange(ctx, in, out, text, func() error { return meanwhile(cmd.Process.Pid) })
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDriver, err)
	}
	return load.Recorded(o.Answers, o.Failed), nil
}

// workingWithin bounds how long the clients of another system may take until each has got an answer.
const workingWithin = 30 * time.Second

// outcome is what the clients of another system saw, as their process says it; see package peers.
type outcome struct {
	Answers [][][2]int64 `json:"answers"`
	Failed  [][]int64    `json:"failed"`
	Errors  []string     `json:"errors"`
}

// exchange gives a job to the process of other clients, does something while they work, and reads what they saw. It
// always ends the process's standard input, and with it its work.
func exchange(ctx context.Context, in io.WriteCloser, out io.Reader, job []byte, meanwhile func() error) (o outcome, err error) {
	lines := make(chan []byte, 2)
	go func() { // ends with the process
		defer close(lines)
		for reader := bufio.NewReader(out); ; {
			line, err := reader.ReadBytes('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	work := func() error {
		if _, err := in.Write(append(job, '\n')); err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, workingWithin)
		defer cancel()
		select {
		case line := <-lines:
			if string(line) != "working\n" {
				return fmt.Errorf("it said %.200q", line)
			}
			return meanwhile()
		case <-wait.Done():
			return errors.New("the clients did not start to work")
		}
	}
	err = errors.Join(work(), in.Close())
	// What it was answered comes in any case; reading it to the end lets the process end.
	last := []byte(nil)
	for line := range lines {
		last = line
	}
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(last, &o); err != nil {
		return o, fmt.Errorf("read the answers of the clients: %w", err)
	}
	return o, nil
}
