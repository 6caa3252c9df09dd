package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const greeting = "INFO {\"server_id\":\"x\",\"headers\":true} \r\n"

// feed returns a stream to a filter in pieces of one size and collects what passes.
func feed(stream string, piece int) (string, error) {
	var f filter
	var passed bytes.Buffer
	for data := []byte(stream); len(data) > 0; {
		n := min(piece, len(data))
		out, _, err := f.take(append([]byte(nil), data[:n]...))
		if err != nil {
			return passed.String(), err
		}
		passed.Write(out)
		data = data[n:]
	}
	return passed.String(), nil
}

func TestFilter_PassesWhatAnAgentSends(t *testing.T) {
	stream := greeting + "PING\r\nPONG\r\n+OK\r\n-ERR 'Permissions Violation'\r\n" +
		"MSG a.b 1 5\r\nhello\r\nMSG a.b 12 _INBOX.x 0\r\n\r\nHMSG a 3 12 14\r\nNATS/1.0\r\n\r\nok\r\n" +
		"HMSG a 3 _INBOX.y 12 12\r\nNATS/1.0\r\n\r\n\r\nMSG a 1 8\r\n\r\nMSG x\n\r\n" + greeting
	for _, piece := range []int{1, 2, 3, 7, 64, len(stream)} {
		if got, err := feed(stream, piece); err != nil || got != stream {
			t.Errorf("pieces of %d: passed %q, %v", piece, got, err)
		}
	}
}

func TestFilter_RefusesWhatNoAgentSends(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   error
	}{
		"size of no machine":     {greeting + "MSG a 1 9223372036854775807\r\n", errSize},
		"size that overflows":    {greeting + "MSG a 1 99999999999999999999999\r\n", errSize},
		"size above the payload": {greeting + "MSG a 1 8388609\r\n", errSize},
		"negative size":          {greeting + "MSG a 1 -1\r\n", errSize},
		"size with sign":         {greeting + "MSG a 1 +1\r\n", errSize},
		"size of zeros":          {greeting + "MSG a 1 0000\r\n", errSize},
		"no size":                {greeting + "MSG a 1\r\n", errForm},
		"no arguments":           {greeting + "MSG\r\n", errForm},
		"too many arguments":     {greeting + "MSG a 1 r 1 1\r\n", errForm},
		"two spaces":             {greeting + "MSG a  1 1\r\n", errForm},
		"tab":                    {greeting + "MSG\ta 1 1\r\n", errForm},
		"huge subscription":      {greeting + "MSG a 99999999999 1\r\n", errSize},
		"header above message":   {greeting + "HMSG a 1 13 12\r\n", errSize},
		"header of no bytes":     {greeting + "HMSG a 1 0 12\r\n", errSize},
		"header of no machine":   {greeting + "HMSG a 1 99999999 99999999\r\n", errSize},
		"huge header":            {greeting + "HMSG a 1 65537 65538\r\n", errSize},
		"payload longer":         {greeting + "MSG a 1 1\r\nab\r\n", errEnd},
		"payload without CR":     {greeting + "MSG a 1 1\r\na\n", errEnd},
		"bare LF":                {greeting + "PING\n", errForm},
		"CR inside":              {greeting + "PI\rNG\r\n", errForm},
		"lower case":             {greeting + "ping\r\n", errVerb},
		"argument to PING":       {greeting + "PING x\r\n", errForm},
		"empty line":             {greeting + "\r\n", errVerb},
		"client's verb":          {greeting + "PUB a 1\r\n", errVerb},
		"binary":                 {greeting + "\x16\x03\x01\x00\n", errForm},
		"HTTP":                   {"HTTP/1.1 200 OK\r\n", errFirst},
		"message before INFO":    {"MSG a 1 1\r\n", errFirst},
		"INFO without JSON":      {"INFO hello\r\n", errForm},
		"INFO without end":       {"INFO {" + strings.Repeat("x", maxInfo), errLineLong},
		"INFO too long":          {"INFO {" + strings.Repeat("x", maxInfo) + "\r\n", errLineLong},
		"line without end":       {greeting + "MSG " + strings.Repeat("x", maxLine), errLineLong},
		"long error":             {greeting + "-ERR " + strings.Repeat("x", maxLine) + "\r\n", errLineLong},
	} {
		for _, piece := range []int{1, 5, len(c.stream)} {
			passed, err := feed(c.stream, piece)
			if !errors.Is(err, c.want) {
				t.Errorf("%s in pieces of %d: %v, want %v", name, piece, err, c.want)
			}
			if !strings.HasPrefix(c.stream, passed) {
				t.Errorf("%s: passed %q, which was not sent", name, passed)
			}
		}
	}
}

// FuzzFilter holds that pieces do not matter, that nothing is made up, and that what passes keeps its bounds.
func FuzzFilter(f *testing.F) {
	f.Add([]byte(greeting+"MSG a 1 5\r\nhello\r\nPING\r\n"), 3)
	f.Add([]byte(greeting+"HMSG a 1 r 12 13\r\nNATS/1.0\r\n\r\nx\r\n"), 1)
	f.Add([]byte(greeting+"MSG a 1 9223372036854775807\r\n"), 100)
	f.Add([]byte("INFO {"), 2)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		if piece < 1 || piece > 1<<20 {
			return
		}
		whole, errWhole := feed(string(stream), max(len(stream), 1))
		pieces, errPieces := feed(string(stream), piece)
		if (errWhole == nil) != (errPieces == nil) {
			t.Fatalf("whole: %v, in pieces of %d: %v", errWhole, piece, errPieces)
		}
		if errWhole == nil && whole != pieces {
			t.Fatalf("whole %q, pieces %q", whole, pieces)
		}
		if !bytes.HasPrefix(stream, []byte(pieces)) {
			t.Fatalf("passed %q of %q", pieces, stream)
		}
		var client libraryView
		if err := client.check([]byte(pieces)); err != nil {
			t.Fatalf("passed %q: %v", pieces, err)
		}
	})
}

// libraryView reads a stream as leniently as the client library does and reports a size that would hurt it.
type libraryView struct{}

func (libraryView) check(data []byte) error {
	for len(data) > 0 {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		if !found {
			return nil
		}
		data = rest
		fields := bytes.Fields(line)
		if len(fields) < 2 || !bytes.HasSuffix(bytes.ToUpper(fields[0]), []byte("MSG")) {
			continue
		}
		size := 0
		for _, d := range fields[len(fields)-1] {
			if d < '0' || d > '9' {
				return errors.New("size is no number")
			}
			if size = size*10 + int(d-'0'); size > 8<<20 {
				return errors.New("size is out of bounds")
			}
		}
		if size+2 > len(data) {
			return nil
		}
		data = data[size+2:]
	}
	return nil
}
