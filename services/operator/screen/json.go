package screen

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON prints a value as indented JSON.
func JSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = fmt.Fprintln(w, string(text))
	return err
}
