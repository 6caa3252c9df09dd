// Package reread reloads the files of a process on request, and reports the outcome as a sentence.
//
// Most files of hotpair are checked regularly: this is for an operator who has just replaced one and wants to know at
// once.
package reread

import (
	"context"
	"strings"
)

// File is a file that can be reloaded while a process runs.
type File struct {
	Name string
	// Read reads it. The error says why it is unusable; then the previous content stays in use.
	Read func(context.Context) error
}

// All reloads files, and says of each whether it is usable. stale lists what only a restart reads.
func All(ctx context.Context, files []File, stale []string) string {
	var well, told []string
	for _, f := range files {
		if err := f.Read(ctx); err != nil {
			told = append(told, f.Name+" is unusable, the previous content stays in use: "+err.Error())
			continue
		}
		well = append(well, f.Name)
	}
	if len(well) > 0 {
		told = append(told, strings.Join(well, ", ")+": well")
	}
	if len(files) == 0 {
		told = append(told, "no files to reload")
	}
	return strings.Join(append(stale, told...), "; ")
}
