package supervisor

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// longestLine cuts lines of programs that write without end; the rest follows as a line of its own.
const (
	longestLine = 64 << 10
	// lastLines is how long is read on when all are gone: what is in the pipe comes at once.
	lastLines = 250 * time.Millisecond
)

// passOn makes the pipe that main and everything below it writes to, and passes on what comes. stop ends that, once all
// are gone.
func (s *Supervisor) passOn() (stop func(), err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for the log: %w", err)
	}
	s.output = write
	var passing sync.WaitGroup
	passing.Go(func() {
		defer read.Close()
		for lines := bufio.NewReaderSize(read, longestLine); ; {
			line, err := lines.ReadSlice('\n')
			if len(line) > 0 {
				if line[len(line)-1] != '\n' {
					line = append(line[:len(line):len(line)], '\n')
				}
				_, _ = s.Lines.Write(line) // never fails, and counts what is lost
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return // end of file, or the end of what this process waits for
			}
		}
	})
	return func() {
		_ = write.Close()
		_ = read.SetReadDeadline(time.Now().Add(lastLines)) // somebody who escaped may hold the other end
		passing.Wait()
	}, nil
}
