package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// TestTerminals_AThousandAtOnce: a file of a thousand rows is two changes, and its tokens are in a file that nobody else reads. Rows that can't be
// used are named by their lines, all of them, before anything is done.
func TestTerminals_AThousandAtOnce(t *testing.T) {
	host := &operatortest.Host{}
	at := "--http=http://" + serve(t, host).Address()
	dir := t.TempDir()
	rows := []string{"\ufeff# the tills of the new shop", ""}
	for i := range 1000 {
		rows = append(rows, fmt.Sprintf(" till-%d=nats://10.0.%d.%d:4223\r", i, i/200, i%200+1))
	}
	write := func(name string, rows []string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(rows, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tokens := filepath.Join(dir, "tokens.txt")
	out, _, err := run(t, "terminals", "add", "--file", write("good.txt", rows), "--tokens", tokens, at)
	if err != nil || !strings.Contains(out, wording.Count(1000, "terminal")+" added") || !strings.Contains(out, wording.Count(1000, "token")+" in "+tokens) {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(host.Callers) != 2 {
		t.Errorf("%d changes, want 2", len(host.Callers))
	}
	info, err := os.Stat(tokens)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(tokens)
	if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); err != nil || info.Mode().Perm() != 0o600 || len(lines) != 1000 || !strings.HasPrefix(lines[999], "till-999 till-999.shop.") {
		t.Errorf("%d tokens, mode %v (%v)", len(lines), info.Mode(), err)
	}
	// The same file names them again, for other tokens; what is there is not overwritten.
	if out, _, err := run(t, "terminals", "token", "--file", filepath.Join(dir, "good.txt"), "--tokens", tokens, at); err == nil || !strings.Contains(err.Error(), "not overwritten") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, _, err := run(t, "terminals", "token", "--file", filepath.Join(dir, "good.txt"), "--tokens", tokens+"2", at); err != nil || !strings.Contains(out, wording.Count(1000, "token")) {
		t.Errorf("%v\n%s", err, out)
	}

	host.Callers = nil
	bad := append([]string{}, rows...)
	bad[4], bad[500], bad[700], bad[1001] = "till-2", "till-3=nats://10.9.9.9:4223", "till-x=nats://10.0.0.9:4223", "no/id=nats://10.8.8.8:4223"
	name := write("bad.txt", bad)
	_, _, err = run(t, "terminals", "add", "--file", name, at)
	for _, want := range []string{"4 of the terminals", name + ":5: ", name + ":501: ", "the same id as " + name + ":6", name + ":701: ", "the same address as " + name + ":11", name + ":1002: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q in it", err, want)
		}
	}
	if len(host.Callers) > 0 {
		t.Errorf("%d changes although rows are bad", len(host.Callers))
	}
	for i := range bad {
		bad[i] = "?"
	}
	if _, _, err := run(t, "terminals", "add", "--file", write("worse.txt", bad), at); err == nil || !strings.Contains(err.Error(), "and 982 more") || strings.Count(err.Error(), "\n") != 21 {
		t.Errorf("%v", err)
	}
	if _, _, err := run(t, "terminals", "add", "--file", write("long.txt", []string{"t1=nats://10.0.0.1:1", strings.Repeat("x", 1<<16)}), at); err == nil || !strings.Contains(err.Error(), "long.txt:2: ") {
		t.Errorf("%v", err)
	}
}

func TestTerminals_TokensAndWithdrawal(t *testing.T) {
	host := &operatortest.Host{}
	at := "--http=http://" + serve(t, host).Address()
	for _, c := range []struct{ args, err, want string }{
		{"terminals token till-7 --for 72h " + at, "", "hotpair terminal enrol till-7.shop.tmz4xs.SECRET.ABCD"},
		{"terminals token till-7 --json " + at, "", `"token": "till-7.shop.tmz4xs.SECRET.ABCD"`},
		{"terminals token " + at, "name terminals, or --file", ""},
		{"terminals token no/id " + at, `terminal "no/id": `, ""},
		{"terminals token t1 t1 " + at, `the same id as "t1"`, ""},
		{"terminals token --file /nowhere " + at, "/nowhere", ""},
		{"terminals revoke till-7 till-8 --reason stolen " + at, "", "withdrawn: till-7, till-8"},
		{"terminals revoke " + at, "wrong usage", ""},
	} {
		out, _, err := run(t, strings.Fields(c.args)...)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s", c.args, err, out)
		}
	}
}
