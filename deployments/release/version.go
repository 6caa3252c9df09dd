package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// version is what a release is called, and when its commit was made: the time of everything in it.
type version struct {
	Name string // without the v, as 0.2.0
	Time time.Time
}

// versionOf reads it from the repository.
func versionOf(ctx context.Context, root string, snapshot bool) (version, error) {
	seconds, err := git(ctx, root, "log", "-1", "--format=%ct")
	if err != nil {
		return version{}, err
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return version{}, fmt.Errorf("time of the commit: %w", err)
	}
	v := version{Time: time.Unix(at, 0).UTC()}
	changed, err := git(ctx, root, "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return version{}, err
	}
	tag, err := git(ctx, root, "describe", "--tags", "--exact-match", "--match", "v[0-9]*")
	switch {
	case err == nil && changed == "":
		v.Name = strings.TrimPrefix(tag, "v")
		return v, nil
	case !snapshot && err == nil:
		return version{}, fmt.Errorf("%w: %s has uncommitted changes; commit them, or build with -snapshot", errUntagged, tag)
	case !snapshot:
		return version{}, fmt.Errorf("%w: this commit has no tag; tag it as v0.2.0, or build with -snapshot", errUntagged)
	}
	commit, err := git(ctx, root, "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return version{}, err
	}
	v.Name = "0.0.0~" + v.Time.Format("20060102150405") + "." + commit // below every version
	if changed != "" {
		v.Name += ".changed"
	}
	return v, nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "git", args...)
	c.Dir = root
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
