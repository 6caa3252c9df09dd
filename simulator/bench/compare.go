package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/simulator/bench/result"
)

// errWorse says that something measured has become worse.
var errWorse = errors.New("worse than before")

// kinds of results, in the order in which they are shown.
func kindsOfResults() []string {
	return []string{"path", "parts", "takeover", "standins", "peers", "growth", "idle", "exits", "steady", "tls", "left", "before"}
}

// compare sets the newest result of each kind beside the one that was committed last before it. Errors: errWorse.
func compare(ctx context.Context, args []string, out io.Writer) error {
	f := newOptions("compare")
	folder := f.String("results", "simulator/bench/results", "folder of the results")
	threshold := f.Float64("threshold", 0.1, "fraction of the median by which a series must be worse to count")
	if err := f.parse(args); err != nil {
		return err
	}
	committed, err := committedIn(ctx, *folder)
	if err != nil {
		return err
	}
	worse, compared := 0, 0
	for _, what := range kindsOfResults() {
		names, err := result.Files(*folder, what)
		if err != nil {
			return err
		}
		olds, news := sides(names, committed)
		if len(olds) == 0 {
			continue
		}
		compared++
		before, err := result.Whole(*folder, olds)
		if err != nil {
			return err
		}
		now, err := result.Whole(*folder, news)
		if err != nil {
			return err
		}
		old, newest := olds[len(olds)-1], news[len(news)-1]
		_, _ = fmt.Fprintf(out, "\n%s: %s (%s) → %s (%s)\n", what, old, before.Version, newest, now.Version)
		for _, difference := range differences(before, now) {
			_, _ = fmt.Fprintf(out, "careful: %s\n", difference)
		}
		changes := result.Compare(before, now, *threshold)
		worse += result.Worse(changes)
		if err := result.WriteChanges(out, changes); err != nil {
			return err
		}
	}
	switch {
	case compared == 0:
		return fmt.Errorf("%w: no kind has both a newest and an earlier committed result in %s: measure with -keep first", result.ErrNone, *folder)
	case worse > 0:
		return fmt.Errorf("%w: %d series by more than %.0f %%", errWorse, worse, *threshold*100)
	}
	_, _ = fmt.Fprintf(out, "\nnothing is worse by more than %.0f %%\n", *threshold*100)
	return nil
}

// committedIn names the files of a folder that are in the repository's last commit. Where there is no repository all count.
func committedIn(ctx context.Context, folder string) (func(name string) bool, error) {
	cmd := exec.CommandContext(ctx, "git", "ls-tree", "--name-only", "HEAD", "./")
	cmd.Dir = folder
	text, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit), errors.Is(err, exec.ErrNotFound):
		return func(string) bool { return true }, nil
	case err != nil:
		return nil, fmt.Errorf("committed results: %w", err)
	}
	listed := strings.Fields(string(text))
	return func(name string) bool { return slices.Contains(listed, name) }, nil
}

// sides splits sorted names into those to compare with and the newest: all that came after the last committed one, or that
// alone when nothing did. Both may be of several runs.
func sides(names []string, committed func(string) bool) (before, now []string) {
	split := len(names)
	for split > 0 && !committed(names[split-1]) {
		split--
	}
	if split == len(names) && split > 0 {
		split--
	}
	for _, name := range names[:split] {
		if committed(name) {
			before = append(before, name)
		}
	}
	return before, names[split:]
}

// differences tells what else than the program differs between two results.
func differences(before, now *result.Result) (list []string) {
	if before.Machine != now.Machine {
		list = append(list, fmt.Sprintf("other machine: %+v → %+v", before.Machine, now.Machine))
	}
	for name, value := range now.Settings {
		if before.Settings[name] != value {
			list = append(list, fmt.Sprintf("-%s: %q → %q", name, before.Settings[name], value))
		}
	}
	slices.Sort(list)
	return list
}
