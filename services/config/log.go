package config

import (
	"io"
	"log/slog"
)

// Logger returns the logger of a process: format and level from the environment, each line with the keys host and
// process. A process that belongs to no host gives an empty host.
func (l Log) Logger(w io.Writer, host, process string) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.LogLevel}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if l.LogFormat == LogJSON {
		handler = slog.NewJSONHandler(w, options)
	}
	logger := slog.New(handler)
	if host != "" {
		logger = logger.With("host", host)
	}
	return logger.With("process", process)
}
