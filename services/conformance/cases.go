package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/strictjson"
)

const (
	// mostCases bounds a list of cases, mostBytes the file.
	mostCases = 1000
	mostBytes = 8 << 20
)

// ErrCases says that a list of cases is invalid.
var ErrCases = errors.New("cases can't be used")

// Case is one request, or the run of a timer, with the expected results. Cases are sent one after the other to one
// pair that starts empty.
type Case struct {
	Operation string          `json:"operation,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`
	// Fire is the key of a timer of an earlier case, which runs.
	Fire string `json:"fire,omitempty"`
	// Code of the answer, 0 for success, and its message; "" is any.
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Answer is the body of the answer. A field with the value "*" may have any value.
	Answer map[string]any `json:"answer,omitempty"`
	// As names the answer for later cases: the text "$NAME.FIELD" in their bodies is replaced by that field.
	As string `json:"as,omitempty"`
	// Timer is the key of a timer that is set afterwards.
	Timer string `json:"timer,omitempty"`
	// Notices are its notices to terminals.
	Notices []Notice `json:"notices,omitempty"`
	// Emissions are its emissions.
	Emissions []Emission `json:"emissions,omitempty"`
	// Query: the operation only reads.
	Query bool `json:"query,omitempty"`
}

// Notice is an expected notice.
type Notice struct {
	To    []string       `json:"to,omitempty"` // ids; none is all
	Topic string         `json:"topic"`
	Body  map[string]any `json:"body"`
	// Fenced and WithinMS are for a fenced command.
	Fenced   bool  `json:"fenced,omitempty"`
	WithinMS int64 `json:"within_ms,omitempty"`
}

// Emission is an expected emission.
type Emission struct {
	Target string         `json:"target"`
	Lane   string         `json:"lane"`
	Body   map[string]any `json:"body"`
}

// ReadCases reads a list of cases from a file. The error is ErrCases.
func ReadCases(name string) ([]Case, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCases, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCases, err)
	}
	list, err := ParseCases(data)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, name)
	}
	return list, nil
}

// ParseCases reads a list of cases. The error is ErrCases.
func ParseCases(data []byte) ([]Case, error) {
	if len(data) > mostBytes {
		return nil, fmt.Errorf("%w: the file has more than %d bytes", ErrCases, mostBytes)
	}
	var list []Case
	if err := strictjson.Decode(data, &list); err != nil {
		return nil, fmt.Errorf("%w: %w; want a list of {\"operation\": …, \"body\": …, \"answer\": …}", ErrCases, err)
	}
	if len(list) == 0 || len(list) > mostCases {
		return nil, fmt.Errorf("%w: the file has %d cases; want 1 to %d", ErrCases, len(list), mostCases)
	}
	for i, c := range list {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%w: number %d: %w", ErrCases, i+1, err)
		}
	}
	return list, nil
}

func (c Case) check() error {
	switch {
	case (c.Operation == "") == (c.Fire == ""):
		return errors.New(`want either an "operation" or the key of a timer in "fire"`)
	case c.Fire != "" && (len(c.Fire) > outbox.MaxKey || len(c.Body) > 0):
		return fmt.Errorf(`the key in "fire" may have at most %d bytes, and the body is the timer's`, outbox.MaxKey)
	case c.Operation != "" && !bus.ValidName(c.Operation):
		return fmt.Errorf("%.70q can't be the name of an operation", c.Operation)
	case c.Code != 0 && (c.Code < 400 || c.Code > 599):
		return fmt.Errorf(`"code" is %d; want 0 for success or 400 to 599 for errors`, c.Code)
	case c.Code != 0 && c.Answer != nil:
		return errors.New(`an error can't have an "answer"`)
	case c.As != "" && (!bus.ValidName(c.As) || c.Code != 0 || c.Query):
		return fmt.Errorf(`"as" is %.70q; want a name of letters, digits, - and _, on a case that writes`, c.As)
	case c.Query && c.Fire != "":
		return errors.New("the run of a timer can't be a query")
	}
	return nil
}

// String names a case in messages.
func (c Case) String() string {
	if c.Fire != "" {
		return fmt.Sprintf("the run of timer %.80q", c.Fire)
	}
	return fmt.Sprintf("%s %.120s", c.Operation, c.Body)
}
