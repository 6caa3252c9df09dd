package web

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestResults_AreTheLastOnes(t *testing.T) {
	var r Results
	if list, last := r.After(7); len(list) != 0 || last != 0 {
		t.Errorf("%q, %d", list, last)
	}
	for n := range mostResults + 10 {
		r.Add("result", fmt.Append(nil, n+1))
	}
	if list, last := r.After(3); len(list) != mostResults || string(list[0].Told) != "11" || last != mostResults+10 {
		t.Errorf("%d from %s on, %d", len(list), list[0].Told, last)
	}
	if list, last := r.After(mostResults + 8); fmt.Sprintf("%s", list) != fmt.Sprintf("[{result %d} {result %d}]", mostResults+9, mostResults+10) || last != mostResults+10 {
		t.Errorf("%s, %d", list, last)
	}
	if list, _ := r.After(mostResults + 10); len(list) != 0 {
		t.Errorf("%s", list)
	}
	large := make([]byte, resultsBytes/4)
	for range 9 {
		r.Add("result", large)
	}
	if list, _ := r.After(0); len(list) != 4 || r.bytes != resultsBytes {
		t.Errorf("%d are kept, of %d bytes", len(list), r.bytes)
	}
}

// What comes of queued requests is told to who listens, from the beginning of the stream on.
func TestNotices_TellsOutcomes(t *testing.T) {
	a := &agent{}
	a.results.Add("result", []byte(`{"id":"before"}`))
	_, address := serve(t, Config{Agent: a})
	answer, err := http.Get("http://" + address + "/v1/notices")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	data := func(kind string) string {
		t.Helper()
		for lines.Scan() {
			if said := strings.HasPrefix(lines.Text(), "data: "); said && kind == "" {
				return lines.Text()
			} else if lines.Text() == "event: "+kind {
				kind = ""
			}
		}
		t.Fatal(lines.Err())
		return ""
	}
	data("status")
	for n := range 3 {
		a.results.Add("result", fmt.Appendf(nil, `{"id":"%d"}`, n))
	}
	a.tell()
	for n := range 3 {
		if got := data("result"); got != fmt.Sprintf(`data: {"id":"%d"}`, n) {
			t.Errorf("%s", got)
		}
	}
}

// A command comes as an event of its own, in the order of its number: a page that hears messages does not take it for one.
func TestNotices_CommandsAreNoMessages(t *testing.T) {
	a := &agent{}
	for _, told := range []string{"1", commandTold, "3"} {
		a.tell(told)
	}
	_, address := serve(t, Config{Agent: a})
	got := events(t, address, "/v1/notices?after=0", 4)[1:]
	for n, begins := range []string{"id: 1\ndata: ", "event: fenced\nid: 2\ndata: ", "id: 3\ndata: "} {
		if !strings.HasPrefix(got[n], begins) {
			t.Errorf("%q", got[n])
		}
	}
	if strings.Contains(got[1], "body") || !strings.Contains(got[1], `"fenced":true`) {
		t.Errorf("%q", got[1])
	}
}
