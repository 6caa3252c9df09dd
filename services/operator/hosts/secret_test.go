package hosts

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

func TestPairSecret_WhatComesFirst(t *testing.T) {
	dir, unit, file := t.TempDir(), filepath.Join(t.TempDir(), "host.env"), filepath.Join(t.TempDir(), "secret")
	joinedTo := t.TempDir() // as hotpair join leaves it: the file names another one
	if err := os.Mkdir(filepath.Join(joinedTo, "joined"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(joinedTo, joinedFile): "HOTPAIR_DATA=/var/lib/hotpair\nHOTPAIR_PAIR_SECRET_FILE=" + filepath.Join(joinedTo, "secret") + "\n",
		filepath.Join(joinedTo, "secret"):   "that of a join 4815\n",
		filepath.Join(dir, ClusterFile):     `{"hosts": {"a": {"http": "127.0.0.1:1", "env": {"HOTPAIR_PAIR_SECRET": "that of the cluster 7"}}}}`,
		unit:                                "# a host\nHOTPAIR_DATA=/var/lib/hotpair\nHOTPAIR_PAIR_SECRET=\"that of the unit 93\"\n",
		file:                                "that of a file 4815\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := []string{"HOTPAIR_PAIR_SECRET=that of the environment 2"}
	for _, c := range []struct {
		name  string
		place Place
		want  string // "" for none
	}{
		{"a cluster", Place{Dir: dir, Env: set, Unit: unit}, "that of the cluster 7"},
		{"the environment", Place{Env: set, Unit: unit}, "that of the environment 2"},
		{"a file", Place{Env: []string{"HOTPAIR_PAIR_SECRET_FILE=" + file}, Unit: unit}, "that of a file 4815"},
		{"what was joined", Place{Unit: filepath.Join(joinedTo, "host.env")}, "that of a join 4815"},
		{"the unit", Place{Env: []string{"HOTPAIR_PAIR_SECRET="}, Unit: unit}, "that of the unit 93"},
		{"nothing", Place{Unit: unit + ".none"}, ""},
		{"no cluster", Place{Dir: filepath.Dir(unit), Env: set}, ""},
		{"a weak one", Place{Env: []string{"HOTPAIR_PAIR_SECRET=short"}}, ""},
	} {
		c.place.Temp = t.TempDir()
		got, err := c.place.PairSecret()
		if got.Reveal() != c.want || (err == nil) == (c.want == "") || err != nil && !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%s: %q, %v", c.name, got.Reveal(), err)
		}
	}
}

// TestFault_C15_NothingNamedIsWaitedFor: a pipe in the place of a file by which hosts are found held every command for ever, deaf to SIGTERM.
func TestFault_C15_NothingNamedIsWaitedFor(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	pipe := filepath.Join(dir, ClusterFile)
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), syscall.Mkfifo(filepath.Join(data, "token"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := (Place{Dir: dir}).Find(); !errors.Is(err, operator.ErrUsage) {
		t.Error(err)
	}
	if _, err := (Place{Dir: dir}).PairSecret(); !errors.Is(err, operator.ErrUsage) {
		t.Error(err)
	}
	if _, err := (Place{Temp: t.TempDir(), TokenFile: filepath.Join(data, "token")}).Find(); !errors.Is(err, operator.ErrUsage) {
		t.Error(err)
	}
	found, err := Place{Unit: pipe, Temp: t.TempDir()}.Find()
	if err != nil || len(found) != 1 || found[0].URL != "http://127.0.0.1:7704" {
		t.Errorf("%+v, %v", found, err)
	}
}
