package winservice

import (
	"bytes"
	"strings"
)

// Journal is the system's log as a service writes to it.
type Journal interface {
	Info(id uint32, text string) error
	Warning(id uint32, text string) error
	Error(id uint32, text string) error
}

const (
	// event is the id of all that is written: EventCreate.exe, whose texts the log shows, knows 1 to 1000.
	event = 1
	// longest bounds a text, in bytes: the log takes 31,839 letters.
	longest = 30 << 10
)

// Lines writes the lines of a log to a journal, each with its level. A line without a level is information.
type Lines struct{ To Journal }

// Write takes complete lines, as package logs writes them.
func (l Lines) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		said := strings.ToValidUTF8(string(bytes.TrimRight(line, "\r\n")), "?")
		said = strings.ReplaceAll(said, "\x00", "?")
		if len(said) > longest {
			said = strings.ToValidUTF8(said[:longest], "") + "…"
		}
		if said == "" {
			continue
		}
		write := l.To.Info
		switch level(said) {
		case "ERROR":
			write = l.To.Error
		case "WARN":
			write = l.To.Warning
		}
		if err := write(event, said); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}

// level is that of a line as slog writes it: as text behind the time, as JSON likewise. What a line says further on may look like one too.
func level(line string) string {
	head := line[:min(len(line), 100)]
	before := "level="
	if strings.HasPrefix(head, "{") {
		before = `"level":"`
	}
	_, rest, found := strings.Cut(head, before)
	if !found {
		return ""
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < 'A' || r > 'Z' })
	if end < 0 {
		end = len(rest)
	}
	return rest[:end]
}
