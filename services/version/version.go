// Package version says which hotpair a program is.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/hotpair/hotpair/services/level"
)

// named is what the linker calls the program, for tests of upgrades: two programs of one commit.
var named string

// none is the name of a program that was built neither from a tag nor from a commit.
const none = "unversioned"

// shown is how many digits of a commit are shown.
const shown = 12

// build is what the toolchain noted of a program.
type build struct {
	name    string // v0.2.0, or what Go makes of a commit without a tag
	commit  string
	changed bool // since the commit
	at      string
}

func read() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{name: cmp.Or(named, none)}
	}
	return of(info)
}

func of(info *debug.BuildInfo) build {
	noted := map[string]string{}
	for _, s := range info.Settings {
		noted[s.Key] = s.Value
	}
	name := info.Main.Version
	if name == "(devel)" {
		name = ""
	}
	commit := noted["vcs.revision"]
	return build{cmp.Or(named, name, none), commit[:min(shown, len(commit))], noted["vcs.modified"] == "true", noted["vcs.time"]}
}

// Name is the version alone, in one word, as v0.2.0.
func Name() string { return read().name }

// String is Name, the commit where Name does not have it, and the version of Go.
func String() string { return read().short() + " " + runtime.Version() }

func (b build) short() string {
	if b.commit == "" || strings.Contains(b.name, b.commit) {
		return b.name
	}
	return b.name + " " + b.commit
}

// Long is what hotpair version prints: the name, the commit and its time, the levels that the program knows, Go, and for which machine it was
// built.
func Long() string {
	return fmt.Sprintf("hotpair %s, level %v, %s %s/%s", read().long(), level.Own(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (b build) long() string {
	switch {
	case b.commit == "":
		return b.name + " (built without its commit: go build in a clone notes it)"
	case b.changed:
		return b.name + " commit " + b.commit + " with changes, of " + b.at
	}
	return b.name + " commit " + b.commit + " of " + b.at
}
