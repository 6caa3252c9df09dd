package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// readEvery is how often the logs of the hosts are read.
	readEvery = 100 * time.Millisecond
	// maxBehind bounds what is shown at a time, in bytes: a service that logs without end must not hide everything
	// else.
	maxBehind = 64 << 10
	// maxLine bounds what is shown of a line, in characters.
	maxLine = 2000
)

// follower reads a log that grows.
type follower struct {
	path string
	at   int64
	rest []byte
}

// read returns the lines since the last read, and how many bytes were skipped.
func (f *follower) read() (lines [][]byte, passed int64, err error) {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil // not started yet
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if behind := info.Size() - f.at; behind > maxBehind {
		passed = behind - maxBehind
		f.at, f.rest = f.at+passed, nil
	}
	text, err := io.ReadAll(io.NewSectionReader(file, f.at, maxBehind))
	f.at += int64(len(text))
	text = append(f.rest, text...)
	end := bytes.LastIndexByte(text, '\n') + 1
	f.rest = bytes.Clone(text[end:])
	if len(f.rest) > maxBehind {
		f.rest = nil
	}
	for line := range bytes.Lines(text[:end]) {
		lines = append(lines, bytes.Clone(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return lines, passed, err
}

// record is a line of a host's log.
type record struct {
	Level   string
	Msg     string
	Process string
	Name    string // process that it is about
	Service string // service that it is about
	Rest    []string
}

// parse reads a line of JSON as services/logs writes it; ok says whether it is one.
func parse(line []byte) (r record, ok bool) {
	var all map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if decoder.Decode(&all) != nil {
		return r, false
	}
	text := func(name string) string {
		s, _ := all[name].(string)
		delete(all, name)
		return s
	}
	r = record{Level: text("level"), Msg: text("msg"), Process: text("process"), Name: text("name"), Service: text("service")}
	for _, name := range []string{"time", "host", "version", "epoch"} {
		delete(all, name)
	}
	for _, name := range []string{"took", "in"} { // durations, which JSON has in nanoseconds
		if n, is := all[name].(json.Number); is {
			if ns, err := n.Int64(); err == nil {
				d := time.Duration(ns)
				if d > time.Millisecond {
					d = d.Round(time.Millisecond)
				}
				all[name] = d
			}
		}
	}
	for _, name := range sorted(all) {
		r.Rest = append(r.Rest, fmt.Sprintf("%s=%v", name, all[name]))
	}
	return r, r.Msg != ""
}

// of returns the service that wrote a line or that it is about. Lines about a service count only if they report a
// problem: terminal-if reports a timer that fails.
func (r record) of() (service string, ok bool) {
	for _, process := range []string{r.Process, r.Name} {
		if service, ok = strings.CutPrefix(process, bus.ProcessBusiness+"."); ok {
			return service, true
		}
	}
	if r.Level == "INFO" || r.Level == "DEBUG" {
		return "", false
	}
	return r.Service, r.Service != ""
}

// shown is what is shown of it.
func (r record) shown() string {
	text := strings.Join(append([]string{r.Msg}, r.Rest...), " ")
	if r.Level != "" && r.Level != "INFO" {
		text = r.Level + " " + text
	}
	if runes := []rune(text); len(runes) > maxLine {
		text = string(runes[:maxLine]) + "…"
	}
	return printable(text)
}

// follow shows the log of the services on a host, until ctx ends.
func (d *dev) follow(ctx context.Context, host string) {
	f := &follower{path: d.logOf(host)}
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		lines, passed, err := f.read()
		if passed > 0 {
			d.screen.line(fmt.Sprintf("host %s   … %d bytes of its log omitted: %s", host, passed, f.path))
		}
		for _, line := range lines {
			if r, ok := parse(line); ok {
				if service, ok := r.of(); ok && d.has(service) {
					d.screen.line(fmt.Sprintf("%-8s %s", service+"@"+host, r.shown()))
				}
			}
		}
		if err != nil {
			d.screen.line("log of host " + host + ": " + err.Error())
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
