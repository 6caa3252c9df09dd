// Package origin records, beside the data of a host, the pairs that they came from. Data that were restored and made a
// pair of their own must never be served with the credentials of the pair that they were copied from, and only the data
// can tell.
//
// It is a file of its own and not of the facts: a program that does not know it leaves it alone.
package origin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/storage/format"
)

const (
	// FileName is the name of the file in a data directory that was restored.
	FileName = "origins.json"
	kind     = "hotpair origins"
)

// Pair identifies a pair.
type Pair struct {
	ID string `json:"pair_id" cbor:"1,keyasint"`
	// Trust is its name in certificates, empty where it had none, or where a backup does not say; Key names the key that is made of its secret.
	Trust string `json:"trust,omitempty" cbor:"2,keyasint,omitempty"`
	Key   string `json:"key" cbor:"3,keyasint"`
}

// Origins are where the data of a host come from; zero where they were never restored.
type Origins struct {
	// Backup is the pair that the backup was of.
	Backup Pair `json:"backup"`
	// Copied are the pairs that these data are a copy of, the latest last: they were made another one each time.
	Copied []Pair `json:"copied,omitempty"`
}

// Copy returns the origins of data that are made a pair of their own. It is idempotent.
func (o Origins) Copy() Origins {
	if o.Backup.Key != "" && !slices.Contains(o.Copied, o.Backup) {
		o.Copied = append(slices.Clone(o.Copied), o.Backup)
	}
	return o
}

type file struct {
	Kind string `json:"kind"`
	Origins
}

// Read reads the origins in a data directory. The error is format.ErrDamaged with a remedy, or says why the file can't
// be read.
func Read(dir string) (Origins, error) {
	path := filepath.Join(dir, FileName)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Origins{}, nil
	}
	if err != nil {
		return Origins{}, fmt.Errorf("read origins: %w", err)
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil || f.Kind != kind {
		return Origins{}, fmt.Errorf("%w: %s, the record of the pairs that restored data came from, can't be read; restore again, or remove it if this host was not restored as a copy",
			format.ErrDamaged, path)
	}
	return f.Origins, nil
}

// Write writes the origins into a data directory, durably.
func Write(dir string, o Origins) error {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetIndent("", "  ")
	err := to.Encode(file{kind, o})
	if err == nil {
		err = durable.Write(filepath.Join(dir, FileName), text.Bytes())
	}
	if err != nil {
		return fmt.Errorf("write origins: %w", err)
	}
	return nil
}
