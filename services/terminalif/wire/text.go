package wire

import "strings"

// maxText bounds a terminal's text in logs and status, in bytes.
const maxText = 200

// Clip bounds a text from a terminal that goes to logs and status.
func Clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
