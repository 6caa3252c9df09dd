// Package paths stores which programs an operator has put in place of those in the settings.
//
// The file is beside the data of a host and outlives main and machine. An entry holds only while the settings name
// the program that was replaced: so a later change of the settings wins, and no outdated replacement runs.
package paths

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/durable"
)

// File is the name of the file in HOTPAIR_DATA.
const File = "services.json"

const (
	// longest and most bound the file.
	longest     = 1 << 20
	most        = 1024
	longestPath = 4096
)

// ErrDamaged says that the file is not one that Note wrote.
var ErrDamaged = errors.New("damaged")

// Replaced is a program that runs in place of another one.
type Replaced struct {
	Service string `json:"service"`
	Path    string `json:"path"`     // the program that runs
	InPlace string `json:"in_place"` // the program in the settings
}

// content is the file.
type content struct {
	Services []Replaced `json:"services"`
}

// Decode reads a file. The error is ErrDamaged.
func Decode(raw []byte) ([]Replaced, error) {
	var c content
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: data after the end", ErrDamaged)
	}
	if len(c.Services) > most {
		return nil, fmt.Errorf("%w: %d services", ErrDamaged, len(c.Services))
	}
	for i, r := range c.Services {
		if !bus.ValidName(r.Service) || !valid(r.Path) || !valid(r.InPlace) {
			return nil, fmt.Errorf("%w: entry %d lacks a service or one of its two programs", ErrDamaged, i+1)
		}
		if slices.ContainsFunc(c.Services[:i], func(other Replaced) bool { return other.Service == r.Service }) {
			return nil, fmt.Errorf("%w: service %s is listed twice", ErrDamaged, r.Service)
		}
	}
	return c.Services, nil
}

// valid reports whether settings could contain the path.
func valid(path string) bool {
	return filepath.IsAbs(path) && len(path) <= longestPath && !bytes.ContainsRune([]byte(path), 0)
}

// Read reads the file of a host; without a file there are no replacements.
func Read(data string) ([]Replaced, error) {
	path := filepath.Join(data, File)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, longest+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > longest {
		return nil, fmt.Errorf("%s: %w: longer than %d bytes", path, ErrDamaged, longest)
	}
	list, err := Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// Note stores a replacement durably in the file of a host, instead of an earlier one of the same service. If the
// replacement is the settings' own program, the service has none.
func Note(data string, r Replaced) error {
	list, err := Read(data)
	if errors.Is(err, ErrDamaged) {
		list, err = nil, nil // no entry of it was valid when this host began
	}
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(other Replaced) bool { return other.Service == r.Service })
	if r.Path != r.InPlace {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Replaced) int { return cmp.Compare(a.Service, b.Service) })
	raw, err := json.MarshalIndent(content{list}, "", "  ")
	if err != nil {
		return err
	}
	return durable.Write(filepath.Join(data, File), append(raw, '\n'))
}

// Of returns the program that runs for a service: its replacement, if there is one, or else the program in the
// settings.
func Of(list []Replaced, service, set string) string {
	for _, r := range list {
		if r.Service == service && r.InPlace == set {
			return r.Path
		}
	}
	return set
}
