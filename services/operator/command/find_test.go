package command

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
)

func TestPlace_WhatComesFirst(t *testing.T) {
	clusterDir := pair(t, nil, nil)
	temp := t.TempDir()
	folder := filepath.Join(temp, "hotpair-"+strconv.Itoa(os.Getuid()))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	pointer := func(port int, dir string) {
		if err := os.WriteFile(filepath.Join(folder, "cluster-"+strconv.Itoa(port)), []byte(dir+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, p place, urls ...string) {
		t.Helper()
		targets, err := p.find()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		var got []string
		for _, target := range targets {
			got = append(got, target.url)
		}
		if diff := cmp.Diff(urls, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	hosts, err := cluster(clusterDir)
	if err != nil {
		t.Fatal(err)
	}
	a, b := hosts[0].url, hosts[1].url
	env := []string{"HOTPAIR_HTTP=10.0.0.1:7704"}
	want("nothing", place{temp: temp}, "http://127.0.0.1:7704")
	want("flag", place{http: "https://x:1", env: env, temp: temp}, "https://x:1")
	want("directory", place{dir: clusterDir, env: env, temp: temp}, a, b)
	want("environment", place{env: env, temp: temp}, "http://10.0.0.1:7704")
	want("empty variable", place{env: []string{"HOTPAIR_HTTP="}, temp: temp}, "http://127.0.0.1:7704")
	pointer(9000, t.TempDir())
	want("pointer to what has ended", place{temp: temp}, "http://127.0.0.1:7704")
	pointer(9100, clusterDir)
	want("the only cluster", place{temp: temp}, a, b)
	other := pair(t, nil, nil)
	pointer(clusterPort, other)
	others, err := cluster(other)
	if err != nil {
		t.Fatal(err)
	}
	want("the cluster on the default ports", place{temp: temp}, others[0].url, others[1].url)
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	want("pointers that anybody can write", place{temp: temp}, "http://127.0.0.1:7704")
	if _, err := (place{env: []string{"HOTPAIR_HTPP=x"}, temp: temp}).find(); !errors.Is(err, operator.ErrUsage) || !errors.Is(err, config.ErrInvalid) {
		t.Errorf("misspelt variable: %v", err)
	}
}

func TestCluster_UnreadableFile_IsUsage(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "{}", `{"hosts":{}}`, `{"hosts":{"a":{"http":""}}}`, `{"hosts":{"a":{"http":"file:///x"}}}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, clusterFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := cluster(dir); !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%q: %v, want ErrUsage", text, err)
		}
	}
}
