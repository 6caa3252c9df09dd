package web

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// events reads events from a connection until there are n of a kind.
func events(t testing.TB, address, path string, n int, headers ...string) (list []string) {
	t.Helper()
	text := "GET " + path + " HTTP/1.0\r\nHost: " + address + "\r\n"
	for i := 0; i+1 < len(headers); i += 2 {
		text += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	conn := raw(t, address, text+"\r\n")
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(conn)
	event := ""
	for len(list) < n && lines.Scan() {
		switch line := lines.Text(); {
		case line == "" && strings.Contains(event, "data: "):
			list, event = append(list, event), ""
		case line == "":
			event = ""
		default:
			event += line + "\n"
		}
	}
	if len(list) < n {
		t.Fatalf("%d events: %v", len(list), lines.Err())
	}
	return list
}

// Thousands that are kept come page by page, each once and in order.
func TestNotices_KeptOnesComeInOrder(t *testing.T) {
	a := &agent{}
	const n = 7*pageOfNotices + 3
	for i := range n {
		a.tell(strconv.Itoa(i + 1))
	}
	_, address := serve(t, Config{Agent: a})
	for i, event := range events(t, address, "/v1/notices?after=0", n+1)[1:] {
		if !strings.HasPrefix(event, fmt.Sprintf("id: %d\ndata: {\"number\":\"%d\"", i+1, i+1)) {
			t.Fatalf("event %d is %q", i, event)
		}
	}
	if a.kept > 10 {
		t.Errorf("they were read %d times", a.kept)
	}
	// Who comes again says where it is, even if its address says another number.
	if last := events(t, address, "/v1/notices?after=0", 2, "Last-Event-ID", strconv.Itoa(n-1))[1]; !strings.HasPrefix(last, fmt.Sprintf("id: %d\n", n)) {
		t.Errorf("%q", last)
	}
}

// Who comes after what is kept no more is told what it missed.
func TestNotices_TellsWhatIsGone(t *testing.T) {
	a := &agent{first: 5}
	for i := range 7 {
		a.tell(strconv.Itoa(i))
	}
	_, address := serve(t, Config{Agent: a})
	list := events(t, address, "/v1/notices?after=2", 5)
	if !strings.HasPrefix(list[1], "event: missed\nid: 4\ndata: {\"after\":\"2\",\"first\":\"5\"") || !strings.HasPrefix(list[2], "id: 5\n") || !strings.HasPrefix(list[4], "id: 7\n") {
		t.Errorf("%q", list)
	}
	if list := events(t, address, "/v1/notices?after=4", 2); !strings.HasPrefix(list[1], "id: 5\n") {
		t.Errorf("%q", list)
	}
}

// Who was told that requests wait is told when they do no more.
func TestNotices_TellsHowLongRequestsWait(t *testing.T) {
	a := &agent{waiting: 2}
	_, address := serve(t, Config{Agent: a})
	list := events(t, address, "/v1/notices", 3)
	if !strings.Contains(list[0], `"waiting":2`) || !strings.Contains(list[1], `"waiting":1`) || !strings.Contains(list[2], `"waiting":0`) {
		t.Errorf("%q", list)
	}
}

// Nothing to tell is told now and then, so that both sides notice when the other one has gone.
func TestNotices_Heartbeat(t *testing.T) {
	_, address := serve(t, Config{}, func(s *Server) { s.within.beat = time.Millisecond })
	conn := raw(t, address, "GET /v1/notices HTTP/1.0\r\nHost: "+address+"\r\n\r\n")
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	beats := 0
	for lines := bufio.NewScanner(conn); beats < 3; {
		if !lines.Scan() {
			t.Fatalf("%d beats: %v", beats, lines.Err())
		}
		if lines.Text() == ": " {
			beats++
		}
	}
}

// FuzzPageOf: whatever the agent keeps is read or refused, and each event of it is one event.
func FuzzPageOf(f *testing.F) {
	f.Add([]byte(`{"notices":[{"number":"1","body":{"a":1}}],"first":"1","last":"1"}`))
	f.Add([]byte(`{"notices":[{"number":"2","body":"x\n"}],"first":"3","last":"1","more":true}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := pageOf(text)
		if err != nil {
			return
		}
		for _, n := range p.Notices {
			w := httptest.NewRecorder()
			s := &stream{w: w, flow: http.NewResponseController(w), within: defaults()}
			if err := s.event("", strconv.FormatUint(n.number, 10), n.text); err != nil {
				t.Fatal(err)
			}
			if got := w.Body.Bytes(); bytes.Count(got, []byte("\n")) != 3 || !bytes.HasSuffix(got, []byte("\n\n")) || bytes.ContainsRune(got, '\r') {
				t.Errorf("%q", got)
			}
		}
	})
}

// FuzzStartOf: whatever a reader says of where it is, is a number or refused with a sentence.
func FuzzStartOf(f *testing.F) {
	f.Add("after=3", "")
	f.Add("after=x&after=y", "-1")
	f.Fuzz(func(t *testing.T, query, id string) {
		r := httptest.NewRequest("GET", "/v1/notices", nil)
		r.URL.RawQuery = query
		r.Header["Last-Event-Id"] = []string{id}
		if _, p := startOf(r, 7); p != nil && (p.Status != 400 || p.Detail == "") {
			t.Errorf("%+v", p)
		}
	})
}

// FuzzAdmit: whatever a call says of itself, only names of this machine and origins that are its own or listed are let in.
func FuzzAdmit(f *testing.F) {
	f.Add("127.0.0.1:4280", "http://127.0.0.1:4280", "same-origin", "cors")
	f.Add("evil.example", "https://till.example", "cross-site", "navigate")
	f.Add("[::1", "null", "", "")
	s := New(Config{Origins: []string{"https://till.example"}})
	f.Fuzz(func(t *testing.T, host, origin, site, mode string) {
		r := httptest.NewRequest("POST", "/v1/kv/put", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:9", host
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Sec-Fetch-Mode", mode)
		p := s.admit(r)
		if p == nil && (!isLoopbackName(host) || origin != "https://till.example" && origin != ownOrigin(r)) {
			t.Errorf("host %q, origin %q", host, origin)
		}
		if p != nil && (p.Status < 400 || p.Detail == "" || p.Do == "") {
			t.Errorf("%+v", p)
		}
	})
}
