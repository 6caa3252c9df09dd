package wire

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// TestFault_A13_WhatATerminalSendsIsPaced: no test had come to what one terminal may send. Beyond a burst reading slows to so many lines, or bytes, a
// second, however fast they come; none is lost.
func TestFault_A13_WhatATerminalSendsIsPaced(t *testing.T) {
	const payload = 1 << 20
	for name, c := range map[string]struct {
		piece string
		times int
		least time.Duration
	}{
		"lines": {strings.Repeat("PING\r\n", 500), 160, 3 * time.Second}, // 80,000, of which 20,000 at once
		"bytes": {fmt.Sprintf("MSG a 1 %d\r\n%s\r\n", payload, strings.Repeat("x", payload)), 72, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				ctx, cancel := context.WithCancel(t.Context())
				g := &guarded{
					Conn: here, ctx: ctx, cancel: cancel, failed: new(atomic.Pointer[error]),
					bytes: rate.NewLimiter(bytesPerSecond, burstBytes), lines: rate.NewLimiter(linesPerSecond, burstLines),
				}
				greeting := "INFO {}\r\n"
				go func() {
					defer there.Close()
					for _, part := range append([]string{greeting}, strings.Split(strings.Repeat(c.piece+"\x00", c.times), "\x00")...) {
						if _, err := there.Write([]byte(part)); err != nil {
							return
						}
					}
				}()
				began, got := time.Now(), 0
				for buffer := make([]byte, 64<<10); ; {
					n, err := g.Read(buffer)
					if got += n; err != nil {
						break
					}
				}
				if want := len(greeting) + c.times*len(c.piece); got != want {
					t.Errorf("%d bytes came, %d were sent", got, want)
				}
				if took := time.Since(began); took < c.least-100*time.Millisecond || took > c.least+500*time.Millisecond {
					t.Errorf("it took %v, want %v", took, c.least)
				}
				g.Close()
			})
		})
	}
}
