package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestRun_RefusesWrongJobs(t *testing.T) {
	for _, text := range []string{"{\n", "{}\n", `{"system":"redis","master":"m","clients":1,"try_ns":1,"duration_ns":1,"endpoints":["a"]}` + "\n",
		`{"system":"x","clients":1,"connections":1,"try_ns":1,"duration_ns":1,"endpoints":["a"]}` + "\n",
		`{"system":"redis","clients":1,"connections":1,"try_ns":1,"duration_ns":1,"endpoints":["a"]}` + "\n"} {
		if err := run(strings.NewReader(text), io.Discard); !errors.Is(err, errJob) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestRun_TellsOfTriesThatFail works against an address where nobody listens.
func TestRun_TellsOfTriesThatFail(t *testing.T) {
	for _, c := range []struct {
		system string
		reads  bool
	}{{"etcd", false}, {"redis", false}, {"redis", true}} {
		in, end := io.Pipe()
		var out strings.Builder
		done := make(chan error, 1)
		go func() { done <- run(in, &out) }()
		job := fmt.Sprintf(`{"system":"%s","reads":%t,"master":"m","clients":2,"connections":1,`, c.system, c.reads) +
			`"try_ns":20000000,"duration_ns":200000000,"endpoints":["127.0.0.1:1"]}` + "\n"
		if _, err := io.WriteString(end, job); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		end.Close()
		said := out.String()
		tried := !strings.Contains(said, `"failed":[null`) // who reads waits for what is read
		if strings.Contains(said, "working") || !strings.Contains(said, `"answers":[null,null]`) || tried == c.reads {
			t.Errorf("%+v: %s", c, said)
		}
	}
}

// Requests go with as few trips as the connection allows, and none is left behind.
func TestGather_TakesWhatWaits(t *testing.T) {
	for _, waiting := range []int{0, 1, 7, mostTogether, mostTogether + 3} {
		queue := make(chan *request, waiting)
		for range waiting {
			queue <- &request{}
		}
		close(queue)
		var trips []int
		for first := range queue {
			trips = append(trips, len(gather(first, queue)))
		}
		var want []int
		for left := waiting; left > 0; left -= mostTogether {
			want = append(want, min(left, mostTogether))
		}
		if !slices.Equal(trips, want) {
			t.Errorf("%d waiting: trips of %v, want %v", waiting, trips, want)
		}
	}
}
