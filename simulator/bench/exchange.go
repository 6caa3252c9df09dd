package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

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
			return errors.New("it did not come to work")
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
		return o, fmt.Errorf("what clients were answered: %w", err)
	}
	return o, nil
}
