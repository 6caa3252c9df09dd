package offline

import (
	"context"
	"errors"
	"io"
	"time"
)

var (
	// ErrBackup says that a file is not a complete backup of the pair.
	ErrBackup = errors.New("no whole backup")
	// ErrOccupied says that a directory is not empty, and that moving its content was not allowed.
	ErrOccupied = errors.New("the directory is not empty")
)

// Summary describes a backup file.
type Summary struct {
	File     string    `json:"file"`
	Version  int       `json:"version"`
	PairID   string    `json:"pair_id"`
	From     string    `json:"from"`     // host
	Made     time.Time `json:"made"`     // on that host's wall clock
	Position string    `json:"position"` // the last update in it
	Digest   string    `json:"digest"`   // of the history there
	Time     time.Time `json:"time"`     // of that update
	Items    int64     `json:"items"`
	Updates  int64     `json:"updates"` // that arrived while it was made
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`
	Key      string    `json:"key"`    // fingerprint of the key that proves it
	Proved   bool      `json:"proved"` // it is proved that the pair made it
}

// Proof is how a backup is proved: with the pair's key, config.BackupKey, unless Unproved.
type Proof struct {
	Key      string
	Unproved bool
	// Unseal, if not nil, decrypts the file as it is read.
	Unseal func(io.Reader) (io.Reader, error)
}

// Place is the data directory of a stopped host, and the host's name.
type Place struct {
	Dir, Host string
}

// RestoreRequest says what to restore where.
type RestoreRequest struct {
	Place
	File  string
	Proof Proof
	// MoveAway moves the content of the directory into a folder within it, instead of refusing.
	MoveAway bool
}

// Restored is the result of a restore.
type Restored struct {
	Summary
	Dir      string `json:"dir"`
	Host     string `json:"host"`
	Identity string `json:"identity"`
	Moved    string `json:"aside,omitempty"` // where the old content of the directory is now
}

// Unfinished describes a restored directory whose restore is not finished.
type Unfinished struct {
	PairID   string    `json:"pair_id"`  // of the backup
	Position string    `json:"position"` // the last update in it
	Time     time.Time `json:"time"`     // of that update
	From     string    `json:"from"`     // host that it was made on
	Made     time.Time `json:"made"`
	Unproved bool      `json:"unproved,omitempty"` // nothing proved that the pair had made it
	AsCopy   bool      `json:"as_copy"`            // making it a copy was begun, which can't be undone
}

// Finished is the result of finishing a restore.
type Finished struct {
	Dir       string `json:"dir"`
	Host      string `json:"host"`
	PairID    string `json:"pair_id"`
	Position  string `json:"position"`            // the last update that it holds
	Was       string `json:"was,omitempty"`       // pair of the backup, of a copy
	Trust     string `json:"trust,omitempty"`     // that pair's name in certificates, as the backup says it
	Terminals int    `json:"terminals,omitempty"` // removed from the table, of a copy
}

// Files works on backup files and on the data directories of stopped hosts. Errors: ErrBackup, operator.ErrRefused.
type Files interface {
	Check(ctx context.Context, path string, proof Proof, progress func(float64)) (Summary, error)
	Restore(ctx context.Context, q RestoreRequest, progress func(what string, done float64)) (Restored, error)
	// Unfinished describes what was restored into a directory.
	Unfinished(p Place) (Unfinished, error)
	// Finish makes the directory a host of the backup's pair, or of a new pair of its own.
	Finish(ctx context.Context, p Place, asCopy bool) (Finished, error)
}
