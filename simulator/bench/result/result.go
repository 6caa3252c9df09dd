// Package result keeps what was measured, compares it with what was kept before, and shows it.
//
// Everything measured is a series: the samples of one metric of one row, as the rate of "kv.put, 64 clients" in each
// round. So one file format, one comparison and one table serve every measurement. A noisy machine is met with rounds, a
// median and its spread, never with one number.
package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/regular"
)

// ErrNone says that a folder holds no result of a kind.
var ErrNone = errors.New("no such result")

// ErrDamaged says that a file is no result.
var ErrDamaged = errors.New("not a result")

// Better says in which direction a metric is better.
type Better string

// Directions. A metric of none is told, never judged.
const (
	More Better = "more"
	Less Better = "less"
	None Better = ""
)

// Series is the samples of one metric of one row, in the order in which they were taken.
type Series struct {
	Row     string    `json:"row"`    // as "kv.put, 64 clients"
	Metric  string    `json:"metric"` // as "rate"
	Unit    string    `json:"unit"`   // as "1/s"
	Better  Better    `json:"better,omitempty"`
	Samples []float64 `json:"samples"`
}

// Machine is what a result was measured on.
type Machine struct {
	CPUs   int    `json:"cpus"`
	Model  string `json:"model"`
	Memory int64  `json:"memory_bytes"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// Result is what is kept of one run of one measurement.
type Result struct {
	Time     time.Time         `json:"time"`
	What     string            `json:"what"`    // path, takeover, …
	Version  string            `json:"version"` // of the binary that was measured
	Machine  Machine           `json:"machine"`
	Settings map[string]string `json:"settings"`
	Notes    []string          `json:"notes,omitempty"` // what was left out, what failed
	Series   []Series          `json:"series"`
}

// Add appends samples to a series, which begins with the first.
func (r *Result) Add(row, metric, unit string, better Better, samples ...float64) {
	if s := r.Find(row, metric); s != nil {
		s.Samples = append(s.Samples, samples...)
		return
	}
	r.Series = append(r.Series, Series{Row: row, Metric: metric, Unit: unit, Better: better, Samples: samples})
}

// Find gives a series, nil when there is none.
func (r *Result) Find(row, metric string) *Series {
	i := slices.IndexFunc(r.Series, func(s Series) bool { return s.Row == row && s.Metric == metric })
	if i < 0 {
		return nil
	}
	return &r.Series[i]
}

// Note keeps a sentence about the run.
func (r *Result) Note(format string, a ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, a...)) }

// timeOfName is how a file's name says when it was measured, so that names sort by time.
const timeOfName = "20060102-150405"

// Save writes the result into a folder and gives the file's path. Two runs of one kind may have begun in the same second: the
// one that is kept later is given a later time.
func (r *Result) Save(folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("keep result: %w", err)
	}
	for {
		path := filepath.Join(folder, r.Time.UTC().Format(timeOfName)+"-"+r.What+".json")
		switch err := r.create(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrExist):
			return "", fmt.Errorf("keep result: %w", err)
		}
		r.Time = r.Time.Add(time.Second)
	}
}

// create writes a file that must not be there yet. Error: fs.ErrExist.
func (r *Result) create(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Close())
}

// maxFile bounds the file of a result, in bytes.
const maxFile = 64 << 20

// Load reads one file. Errors: ErrDamaged, fs.ErrNotExist.
func Load(path string) (*Result, error) {
	text, err := regular.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return Parse(path, text)
}

// Parse reads a result out of a text; name is for the error, ErrDamaged.
func Parse(name string, text []byte) (*Result, error) {
	r := &Result{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	if r.What == "" || len(r.Series) == 0 {
		return nil, fmt.Errorf("%w: %s has no series", ErrDamaged, name)
	}
	for _, s := range r.Series {
		if len(s.Samples) == 0 {
			return nil, fmt.Errorf("%w: %s: %s of %q has no samples", ErrDamaged, name, s.Metric, s.Row)
		}
	}
	return r, nil
}

// Files lists the names of a folder's results of a kind, the oldest first.
func Files(folder, what string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	var names []string
	for _, e := range entries {
		if WhatOf(e.Name()) == what {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// WhatOf gives the kind that the name of a result's file says, "" when it is no such name.
func WhatOf(name string) string {
	name, isJSON := strings.CutSuffix(name, ".json")
	if !isJSON || len(name) < len(timeOfName)+2 || name[len(timeOfName)] != '-' {
		return ""
	}
	if _, err := time.Parse(timeOfName, name[:len(timeOfName)]); err != nil {
		return ""
	}
	return name[len(timeOfName)+1:]
}

// String names what may make two machines differ, but for their memory.
func (m Machine) String() string {
	return fmt.Sprintf("%d × %s, kernel %s, %s", m.CPUs, m.Model, m.Kernel, m.Go)
}

// outdated is how much older than the newest what is added to it may be.
const outdated = 72 * time.Hour

// Newest reads the newest result of a kind, made whole. What only the binary measured in the days before has is added, and a note
// names that binary and its machine: what takes long is not measured of each. Errors: ErrNone, ErrDamaged.
func Newest(folder, what string) (*Result, error) {
	names, err := Files(folder, what)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: %s in %s", ErrNone, what, folder)
	}
	newest, err := Whole(folder, names)
	if err != nil {
		return nil, err
	}
	for last, name := range slices.Backward(names) {
		r, err := Load(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		if newest.Time.Sub(r.Time) > outdated {
			break
		}
		if r.Version == newest.Version {
			continue
		}
		before, err := Whole(folder, names[:last+1])
		if err != nil {
			return nil, err
		}
		if added := newest.take(before); added > 0 {
			newest.Note("%d series come from the run of %s on %s, of %s", added, before.Time.Format("2006-01-02 15:04"), before.Machine, before.Version)
		}
		break
	}
	return newest, nil
}

// take adds the series that only another result has, with its notes, and counts them.
func (r *Result) take(other *Result) (added int) {
	for _, s := range other.Series {
		if r.Find(s.Row, s.Metric) == nil {
			r.Series = append(r.Series, s)
			added++
		}
	}
	if added > 0 {
		r.Notes = append(r.Notes, other.Notes...)
	}
	return added
}

// Whole reads the last of some files, the oldest first, and adds the series that only earlier ones of the same binary on the
// same machine have: a long measurement may be made in parts. Errors: ErrNone, ErrDamaged.
func Whole(folder string, names []string) (*Result, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNone, folder)
	}
	last := len(names) - 1
	newest, err := Load(filepath.Join(folder, names[last]))
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(names[:last]) {
		r, err := Load(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		if r.Version != newest.Version || r.Machine != newest.Machine {
			continue
		}
		if added := newest.take(r); added > 0 {
			newest.Note("%d series come from the run of %s, with %s", added, r.Time.Format("2006-01-02 15:04"), r.settings())
		}
	}
	return newest, nil
}
