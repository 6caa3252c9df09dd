// Package reread reads the files of a process again when somebody says so, and says in a sentence what came of it.
//
// Most files of hotpair are looked at again by themselves: this is for whoever has just replaced one and wants to know at once.
package reread

import (
	"context"
	"strings"
)

// File is what can be read again while a process runs.
type File struct {
	Name string
	// Read reads it. The error says why it can't be used; then what was read before goes on.
	Read func(context.Context) error
}

// All reads files again, and says of each whether it can be used. stale is what only a restart takes.
func All(ctx context.Context, files []File, stale []string) string {
	var well, told []string
	for _, f := range files {
		if err := f.Read(ctx); err != nil {
			told = append(told, f.Name+" can't be used, what was read before goes on: "+err.Error())
			continue
		}
		well = append(well, f.Name)
	}
	if len(well) > 0 {
		told = append(told, strings.Join(well, ", ")+": well")
	}
	if len(files) == 0 {
		told = append(told, "there are none that are read while it runs")
	}
	return strings.Join(append(stale, told...), "; ")
}
