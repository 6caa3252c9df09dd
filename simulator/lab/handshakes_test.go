package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/simulator/pair"
)

// stranger is a machine that is no node of the pair, with a wire to each of them.
const stranger = "stranger"

// addStranger lays the wires of one.
func (f *fixture) addStranger() {
	f.Helper()
	s, err := newSpace()
	f.must(err)
	f.network.spaces[stranger], f.network.addresses[stranger] = s, "10.199.9.9"
	for _, node := range f.names() {
		f.must(f.network.lay(Wire{stranger, node})) // of no list: it is never cut
	}
}

// clientHello is how TLS begins, as the program of a host would.
func clientHello(protocol string) []byte {
	var said bytes.Buffer
	one, other := net.Pipe()
	go func() {
		c := tls.Client(one, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{protocol}})
		_ = c.Handshake() // nobody answers
	}()
	buffer := make([]byte, 4096)
	n, _ := other.Read(buffer)
	said.Write(buffer[:n])
	_ = one.Close()
	_ = other.Close()
	return said.Bytes()
}

// port is where a node listens, and for what.
type port struct {
	node     string
	port     int
	protocol string
}

// flood opens connections to a port from a stranger's machine until it is told to stop, half of a handshake on each, and some that go
// on by a byte a second. Those that are closed there it closes too.
type flood struct {
	to         string
	came, open atomic.Int64
	on         chan struct{} // closed when the slow ones have been refused
}

// run opens so many, and more for as long as ctx lasts, a few at a time.
func (f *flood) run(ctx context.Context, l *Lab, hello []byte, many int) {
	var all sync.WaitGroup
	defer all.Wait()
	for n := 0; ctx.Err() == nil; n++ {
		conn, err := l.network.spaces[stranger].DialContext(ctx, "tcp", f.to)
		if err != nil {
			_ = pace.Rest(ctx, 10*time.Millisecond) // it may have been killed
			continue
		}
		f.came.Add(1)
		f.open.Add(1)
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		all.Go(func() {
			defer f.open.Add(-1)
			defer conn.Close()
			defer stop()
			_, _ = io.Copy(io.Discard, conn)
		})
		if n < slowly || n%50 == 0 {
			all.Go(func() {
				for _, b := range hello {
					if _, err := conn.Write([]byte{b}); err != nil || pace.Rest(ctx, time.Second) != nil {
						return
					}
				}
			})
		} else {
			_, _ = conn.Write(hello[:len(hello)/2])
		}
		switch {
		case n == slowly:
			select {
			case <-ctx.Done():
			case <-f.on:
			}
		case n > many:
			_ = pace.Rest(ctx, 50*time.Millisecond) // it goes on, but leaves the machine room
		}
	}
}

// slowly is how many begin, a byte a second, before the others come.
const slowly = 8

// cost is what a process holds: descriptors, and memory in KiB.
type cost struct{ descriptors, memory int }

// costs are those of all processes of the nodes, by pid and name.
func (f *fixture) costs() map[member]cost {
	f.Helper()
	found := map[member]cost{}
	for _, node := range f.names() {
		members, err := f.trees[node].members()
		f.must(err)
		for _, m := range members {
			open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.pid))
			status, errStatus := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.pid))
			if err != nil || errStatus != nil {
				continue // it has ended
			}
			c := cost{descriptors: len(open)}
			for line := range strings.Lines(string(status)) {
				if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
					c.memory, err = strconv.Atoi(fields[1])
					f.must(err)
				}
			}
			found[member{m.pid, node + "/" + m.name}] = c
		}
	}
	return found
}

// Somebody opens thousands of connections to every port of a pair that other machines reach, and goes on with each handshake by a byte a second,
// or not at all, while applications work. Nothing is lost and nobody takes over; who belongs there comes in meanwhile; what it costs is
// bounded; and each door says what came to it.
func TestLab_HandshakesThatNeverEnd(t *testing.T) {
	many := 300 // to each of eight ports
	if *long {
		many = 1500
	}
	const (
		// slack is what a process may need besides: its own connections, which are made anew meanwhile.
		slack = 48
		// Each door holds 32 handshakes of one address, HTTPS 256 connections.
		mostOfDoors, mostOfHTTPS = 2 * 32, 256
		mostMemory               = 96 << 10 // KiB
	)
	f := begin(t, Options{Terminals: 2, HTTPS: true})
	if f.options.Plain {
		t.Skip("SKIPPED, NOTHING OF THIS WAS TRIED: all labs are in clear by the flag")
	}
	f.addStranger()
	active, before := f.mustActive()
	standby, till := pair.Other(active), pair.TerminalID(1)
	doors := map[string]port{}
	for _, host := range pair.Hosts() {
		doors["link of "+host] = port{host, pair.PortLink, "hotpair-link"}
		doors["replication of "+host] = port{host, pair.PortReplication, "hotpair-replication"}
		doors["HTTPS of "+host] = port{host, pair.PortHTTP, "http/1.1"}
	}
	doors["witness"] = port{pair.Witness, pair.PortWitness, "hotpair-witness"}
	doors["terminal"] = port{till, pair.PortTerminal, "hotpair-terminal"}

	first := f.costs()
	ctx, stop := context.WithCancel(f.ctx)
	defer stop()
	var flooding sync.WaitGroup
	floods := map[string]*flood{}
	for what, d := range doors {
		one := &flood{to: f.at(d.node, d.port), on: make(chan struct{})}
		floods[what] = one
		hello := clientHello(d.protocol)
		flooding.Go(func() { one.run(ctx, f.Lab, hello, many) })
	}
	for what, d := range doors {
		if d.port != pair.PortHTTP {
			f.says(what, d.node, "door="+d.protocol, "it began and did not continue")
		}
	}
	for _, one := range floods {
		close(one.on)
	}
	most := map[string]cost{}
	look := func() {
		for m, c := range f.costs() {
			most[m.name] = cost{max(most[m.name].descriptors, c.descriptors), max(most[m.name].memory, c.memory)}
		}
	}
	for what, one := range floods {
		f.await(fmt.Sprintf("%d connections to %s", many, what), func() bool { look(); return one.came.Load() >= int64(many) })
	}
	f.progress()
	f.same(before)
	// Who belongs there comes in, by a new connection through each door: the standby's processes to link, replication and witness, and both
	// hosts to a terminal.
	f.must(f.Process(standby, "updater", syscall.SIGKILL))
	f.must(f.Kill(f.ctx, till))
	f.must(f.Run(till))
	f.await("both in sync and the terminal attached", func() bool { look(); return f.paired(f.ctx) })
	f.must(f.Kill(f.ctx, standby))
	f.must(f.Run(standby))
	f.must(f.Kill(f.ctx, pair.Witness))
	f.must(f.Run(pair.Witness))
	f.await("both in sync after a start of the standby and the witness", func() bool {
		look()
		return f.replaceable()
	})
	f.progress()
	f.same(before)
	said := map[string]int64{}
	for what, one := range floods {
		said[what] = one.came.Load()
	}
	stop()
	flooding.Wait()
	t.Logf("measured: connections that came to nothing: %v", said)
	for m, c := range first {
		allowed := c.descriptors + mostOfDoors + slack
		if strings.HasSuffix(m.name, "/main") {
			allowed += mostOfHTTPS
		}
		if now := most[m.name]; now.descriptors > allowed || now.memory > c.memory+mostMemory {
			t.Errorf("%s: %d descriptors and %d KiB at most, before it were %d and %d", m.name, now.descriptors, now.memory, c.descriptors, c.memory)
		} else if now.descriptors > c.descriptors+8 {
			t.Logf("measured: %s: at most %d descriptors (%d before) and %d KiB (%d before)", m.name, now.descriptors, c.descriptors, now.memory, c.memory)
		}
	}
	for what, d := range doors {
		if d.port == pair.PortHTTP {
			continue
		}
		f.says(what, d.node, "door="+d.protocol, "the oldest is closed")
	}
	f.finish()
}

// says demands a line in the log of a node.
func (f *fixture) says(what, node string, parts ...string) {
	f.Helper()
	processtest.Await(f.TB, fmt.Sprintf("%s says %q", what, parts), func() bool {
		text, err := os.ReadFile(f.trees[node].log)
		f.must(err)
		for line := range strings.Lines(string(text)) {
			found := true
			for _, part := range parts {
				found = found && strings.Contains(line, part)
			}
			if found {
				return true
			}
		}
		return false
	})
}
