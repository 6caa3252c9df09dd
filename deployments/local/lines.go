package local

import (
	"bytes"
	"io"
)

// lineWriter passes everything on and shows each whole line to a function besides.
type lineWriter struct {
	to   io.Writer
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			break
		}
		w.line(string(w.rest[:end]))
		w.rest = w.rest[end+1:]
	}
	return w.to.Write(p)
}
