// Package folder reads hotpair.json, which says how the service of a folder is built, run and watched.
//
//	{
//	  "service": "tickets",
//	  "build": ["go", "build", "-o", "bin/tickets", "."],
//	  "run": "bin/tickets",
//	  "watch": ["*.go", "go.mod"]
//	}
//
// service and run are required. run is the program for HOTPAIR_BUSINESS, so it takes no arguments. build is run in the
// folder before the program is started, and again when a file changes; a service without a build step may test the
// program instead. watch has patterns of file names, as in a shell; without patterns all files count.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/strictjson"
)

// File is the name of the file.
const File = "hotpair.json"

const (
	maxFile  = 64 << 10 // bytes
	maxWords = 64       // of a command, and patterns
	maxWord  = 4096     // bytes
)

var (
	// ErrNone says that a folder has no service.
	ErrNone = errors.New("no service here")
	// ErrInvalid says that hotpair.json is invalid; the text says what to correct.
	ErrInvalid = errors.New(File + " is wrong")
	// ErrName says that a name is invalid for a service.
	ErrName = errors.New("not a name for a service")
)

// Service is the folder of a service.
type Service struct {
	Name  string   `json:"service"`
	Build []string `json:"build,omitempty"`
	Run   string   `json:"run"`
	Watch []string `json:"watch,omitempty"`

	// Dir is the absolute path of the folder.
	Dir string `json:"-"`
}

// Read reads the file of a folder. Errors: ErrNone, ErrInvalid.
func Read(dir string) (Service, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Service{}, fmt.Errorf("folder: %w", err)
	}
	text, err := regular.Read(filepath.Join(dir, File), maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Service{}, fmt.Errorf("%w: %s has no %s: create a service with hotpair service new, give the folder of a service, or write %s for the service in this folder: "+
			`{"service": "tickets", "run": "path/of/program"}`, ErrNone, dir, File, File)
	case err != nil:
		return Service{}, fmt.Errorf("%w: %s: %w", ErrInvalid, dir, err)
	}
	s, err := Parse(text)
	if err != nil {
		return Service{}, fmt.Errorf("%w (%s)", err, dir)
	}
	s.Dir = dir
	if program := s.Program(); strings.Contains(program, ",") {
		return Service{}, fmt.Errorf("%w: the path of the program, %s, contains a comma, the separator in HOTPAIR_BUSINESS: rename the folder", ErrInvalid, program)
	}
	return s, nil
}

// Parse parses the text of the file. The error is ErrInvalid.
func Parse(text []byte) (Service, error) {
	var s Service
	if err := strictjson.Decode(text, &s); err != nil {
		return Service{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := Name(s.Name); err != nil {
		return Service{}, fmt.Errorf("%w: service: %w", ErrInvalid, err)
	}
	if s.Run == "" || len(s.Run) > maxWord || strings.ContainsAny(s.Run, ",\x00\n") {
		return Service{}, fmt.Errorf("%w: run must be the path of a program, without commas and arguments", ErrInvalid)
	}
	for what, words := range map[string][]string{"build": s.Build, "watch": s.Watch} {
		if len(words) > maxWords {
			return Service{}, fmt.Errorf("%w: %s has %d words, at most %d are allowed", ErrInvalid, what, len(words), maxWords)
		}
		for _, word := range words {
			if word == "" || len(word) > maxWord || strings.Contains(word, "\x00") {
				return Service{}, fmt.Errorf("%w: %s has a word that is empty, longer than %d bytes, or contains a zero byte", ErrInvalid, what, maxWord)
			}
		}
	}
	for _, pattern := range s.Watch {
		if _, err := path.Match(pattern, ""); err != nil || strings.Contains(pattern, "/") {
			return Service{}, fmt.Errorf("%w: watch: %q is not a pattern of file names, such as *.go", ErrInvalid, pattern)
		}
	}
	return s, nil
}

// Name checks the name of a service. The error is ErrName.
func Name(name string) error {
	var s config.Services
	if strings.ContainsAny(name, ",= ") {
		return fmt.Errorf("%w: %q: use 1 to 32 lower-case letters, digits or hyphens", ErrName, name)
	}
	if err := s.Decode(name + "=/program"); err != nil || len(s) != 1 {
		return fmt.Errorf("%w: %.80q: use 1 to 32 lower-case letters, digits or hyphens, and no name that hotpair reserves", ErrName, name)
	}
	return nil
}

// Program is the absolute path of the program to run.
func (s Service) Program() string {
	if filepath.IsAbs(s.Run) {
		return filepath.Clean(s.Run)
	}
	return filepath.Join(s.Dir, s.Run)
}

// Runnable returns ErrInvalid unless the program exists and is executable.
func (s Service) Runnable() error {
	program := s.Program()
	info, err := os.Stat(program)
	switch {
	case err != nil:
		return fmt.Errorf("%w: run: %w: give the program that the build creates", ErrInvalid, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: run: %s is not a file", ErrInvalid, program)
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%w: run: %s can't be executed: chmod +x it", ErrInvalid, program)
	}
	return nil
}

// Watches reports whether a change of the file with this name restarts the service.
func (s Service) Watches(name string) bool {
	for _, pattern := range s.Watch {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return len(s.Watch) == 0
}
