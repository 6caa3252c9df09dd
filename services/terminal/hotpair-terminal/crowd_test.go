//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "with 20,000 connections")

// mostCrowded bounds what an agent has for itself beside more connections than it keeps, in bytes.
const mostCrowded = 96 << 20

// process is an agent that runs as it is shipped, on a directory.
type process struct {
	*exec.Cmd
	door  string
	ended chan struct{} // closed when it has ended, and said is complete
	said  strings.Builder
}

// begin starts one. It does not wait for it.
func begin(t *testing.T, program, data string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), program, "--data", data), door: free(t), ended: make(chan struct{})}
	p.Env = []string{"PATH=" + os.Getenv("PATH"), "HOTPAIR_TERMINAL_ID=till-1", "HOTPAIR_TERMINAL_KEY=7c1d9e04b6f2a8537c1d9e04b6f2a853",
		"HOTPAIR_TERMINAL_LISTEN=" + free(t), "HOTPAIR_TERMINAL_APPS=" + free(t), "HOTPAIR_TERMINAL_HTTP=" + p.door}
	lines, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for log := bufio.NewScanner(lines); log.Scan(); {
			p.said.WriteString(log.Text() + "\n")
		}
		_ = p.Wait() // how it ended stands in its state
	}()
	t.Cleanup(func() { _ = p.Process.Kill(); <-p.ended })
	return p
}

// awaitDoor waits until it answers.
func (p *process) awaitDoor(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		answer, err := http.Get("http://" + p.door + "/v1/status")
		if err == nil {
			answer.Body.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// queue has it keep a request, asked over a connection that is there already.
func (p *process) queue(t *testing.T, client *http.Client, n int) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.door+"/v1/till/sell", strings.NewReader(fmt.Sprint(n)))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Hotpair-Queue", "yes")
	answer, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s, %v", answer.StatusCode, body, err)
	}
}

// queued counts what it keeps.
func (p *process) queued(t *testing.T) int {
	t.Helper()
	answer, err := http.Get("http://" + p.door + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var s struct{ Queued int }
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s.Queued
}

// TestAgent_LivesBesideManyConnections: as it is shipped. Connections without end that send half of a request keep an application from nothing
// that was there before, and take no more memory than is meant; what it queued meanwhile is there after the agent is killed.
func TestAgent_LivesBesideManyConnections(t *testing.T) {
	many := 3000
	if *long {
		many = 20_000
	}
	program, data := built(t), filepath.Join(t.TempDir(), "data")
	p := begin(t, program, data)
	p.awaitDoor(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 1}, Timeout: patience}
	defer client.CloseIdleConnections()
	half := "POST /v1/kv/put HTTP/1.1\r\nHost: " + p.door + "\r\nContent-Length: 100\r\n\r\n{"
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			conn.Close()
		}
	}()
	kept, began := 0, time.Now()
	for n := range many {
		conn, err := net.Dial("tcp", p.door)
		if err != nil {
			t.Fatalf("connection %d: %v", n, err)
		}
		_, _ = conn.Write([]byte(half[:n%len(half)])) // it may have been closed
		if open = append(open, conn); len(open) > 1500 {
			open[0].Close()
			open = open[1:]
		}
		if n%100 == 0 {
			p.queue(t, client, n)
			kept++
		}
	}
	own := memory(t, p.Process.Pid, "RssAnon")
	t.Logf("measured: %d connections in %v beside %d requests that were queued; %.1f MB of its own", many, time.Since(began).Round(time.Millisecond), kept, float64(own)/(1<<20))
	if own > mostCrowded {
		t.Errorf("it has %d bytes of its own, and %d are the most", own, mostCrowded)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	again := begin(t, program, data)
	again.awaitDoor(t)
	if n := again.queued(t); n != kept {
		t.Errorf("%d requests are queued, %d were accepted", n, kept)
	}
}

// TestAgent_TwoOnOneDirectory: as it is shipped. The second one ends at once and says why; the first one goes on, and has lost nothing.
func TestAgent_TwoOnOneDirectory(t *testing.T) {
	program, data := built(t), filepath.Join(t.TempDir(), "data")
	first := begin(t, program, data)
	first.awaitDoor(t)
	client := &http.Client{Timeout: patience}
	for n := range 3 {
		first.queue(t, client, n)
		second := begin(t, program, data)
		select {
		case <-second.ended:
		case <-time.After(patience):
			t.Fatal("the second one runs")
		}
		if said := second.said.String(); second.ProcessState.Success() || !strings.Contains(said, "used by another agent") || !strings.Contains(said, data) {
			t.Errorf("it ends with %v and says %s", second.ProcessState, said)
		}
		if got := first.queued(t); got != n+1 {
			t.Errorf("%d are queued, want %d", got, n+1)
		}
	}
}
