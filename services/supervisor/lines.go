package supervisor

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// longestLine splits the lines of programs that write without line ends.
const (
	longestLine = 64 << 10
	// lastLines is how long reading continues after all writers have ended: the content of the pipe comes at once.
	lastLines = 250 * time.Millisecond
)

// passOn makes the pipe that main and everything below it write to, and passes on its content. stop ends it, once all
// writers have ended.
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
				_, _ = s.Lines.Write(line) // never fails; the log counts lost lines
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return // end of file, or the end of the wait
			}
		}
	})
	return func() {
		_ = write.Close()
		_ = read.SetReadDeadline(time.Now().Add(lastLines)) // an escaped process may hold the other end
		passing.Wait()
	}, nil
}
