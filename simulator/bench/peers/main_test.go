package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRun_RefusesWrongJobs(t *testing.T) {
	for _, text := range []string{"{\n", "{}\n", `{"system":"x","clients":1,"try_ns":1,"duration_ns":1,"endpoints":["a"]}` + "\n",
		`{"system":"redis","clients":1,"try_ns":1,"duration_ns":1,"endpoints":["a"]}` + "\n"} {
		if err := run(strings.NewReader(text), io.Discard); !errors.Is(err, errJob) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestRun_TellsOfTriesThatFail works against an address where nobody listens.
func TestRun_TellsOfTriesThatFail(t *testing.T) {
	for _, system := range []string{"etcd", "redis"} {
		in, end := io.Pipe()
		var out strings.Builder
		done := make(chan error, 1)
		go func() { done <- run(in, &out) }()
		job := `{"system":"` + system + `","master":"m","clients":2,"try_ns":20000000,"duration_ns":200000000,"endpoints":["127.0.0.1:1"]}` + "\n"
		if _, err := io.WriteString(end, job); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		end.Close()
		if strings.Contains(out.String(), "working") || !strings.Contains(out.String(), `"answers":[null,null]`) || strings.Contains(out.String(), `"failed":[null`) {
			t.Errorf("%s: %s", system, out.String())
		}
	}
}
