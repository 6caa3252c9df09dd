package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// measureRaw gives the physical limit of two fsynced copies with group commit over TCP: writers hand records to one
// committer, which writes what has gathered to its own file and to a second one behind a TCP connection, both fsynced,
// and then lets the writers go on. No format, no checks, no reads: nothing that keeps two copies can be faster.
func measureRaw(clients int, record int, duration time.Duration) (rate float64, err error) {
	dir, err := os.MkdirTemp("", "hotpair-raw-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	other := make(chan error, 1)
	go func() { other <- keepCopy(listener, filepath.Join(dir, "b")) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return 0, err
	}
	file, err := os.Create(filepath.Join(dir, "a"))
	if err != nil {
		return 0, err
	}
	defer file.Close()

	c := &committer{file: file, conn: conn, record: record, waiting: make(chan chan struct{}, 4096)}
	stop := time.Now().Add(duration)
	var wg sync.WaitGroup
	counts := make([]int, clients)
	for i := range clients {
		wg.Go(func() {
			done := make(chan struct{}, 1)
			for time.Now().Before(stop) {
				c.waiting <- done
				<-done
				counts[i]++
			}
		})
	}
	ended := make(chan error, 1)
	go func() { ended <- c.run() }()
	wg.Wait()
	close(c.waiting)
	if err := <-ended; err != nil {
		return 0, err
	}
	conn.Close()
	if err := <-other; err != nil {
		return 0, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / duration.Seconds(), nil
}

type committer struct {
	file    *os.File
	conn    net.Conn
	record  int
	waiting chan chan struct{}
}

func (c *committer) run() error {
	for first := range c.waiting {
		batch := []chan struct{}{first}
		for more := true; more; {
			select {
			case next, open := <-c.waiting:
				if open {
					batch = append(batch, next)
				}
				more = open
			default:
				more = false
			}
		}
		data := make([]byte, 4+c.record*len(batch))
		binary.BigEndian.PutUint32(data, uint32(c.record*len(batch)))
		if _, err := c.conn.Write(data); err != nil {
			return err
		}
		if _, err := c.file.Write(data[4:]); err != nil {
			return err
		}
		if err := c.file.Sync(); err != nil {
			return err
		}
		var ack [1]byte
		if _, err := io.ReadFull(c.conn, ack[:]); err != nil {
			return err
		}
		for _, done := range batch {
			done <- struct{}{}
		}
	}
	return nil
}

// keepCopy is the other host: it writes, fsyncs, acknowledges.
func keepCopy(listener net.Listener, path string) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var head [4]byte
	for {
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			if err == io.EOF {
				return nil
			}
			return fmt.Errorf("copy: %w", err)
		}
		data := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(conn, data); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		if _, err := file.Write(data); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
		if _, err := conn.Write([]byte{1}); err != nil {
			return err
		}
	}
}
