package identity

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"

	"github.com/hotpair/hotpair/services/durable"
)

// KeptFile is the name of the copy in a data directory.
const KeptFile = "certificate.last-good"

// Start is Load for the start of a process: if the files are unusable it uses the copy of the last good ones, and
// State says both. The error, which wraps ErrCredentials, says why neither works.
func (f *Files) Start() error {
	err := f.Load()
	if err == nil || f.paths.Kept == "" {
		return err
	}
	kept, content, unkept := f.readKept()
	if unkept != nil {
		if errors.Is(unkept, fs.ErrNotExist) {
			return err // first start: nothing more to say
		}
		return fmt.Errorf("%w; the copy of the last good files is unusable too: %w", err, unkept)
	}
	f.loading.Lock()
	f.kept = content
	f.loading.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current, f.loaded, f.copied = kept, f.now(), true
	f.logger.Error("the certificate files are unusable; using the copy of the last good ones", "copy", f.paths.Kept, "error", err)
	return nil
}

func (f *Files) readKept() (*Credentials, string, error) {
	content, err := readFile(f.paths.Kept, true)
	if err != nil {
		return nil, "", err
	}
	begin, end := keyIn(content)
	if begin < 0 {
		return nil, "", fmt.Errorf("%s: no private key in the file", f.paths.Kept)
	}
	c, err := f.parse([3]string{string(content[:begin]), string(content[begin:end]), string(content[end:])})
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", f.paths.Kept, err)
	}
	return c, string(content), nil
}

// keyIn finds the block of the key: this process's chain precedes it, the roots follow.
func keyIn(content []byte) (begin, end int) {
	rest := content
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			return -1, -1
		}
		if block.Type != "CERTIFICATE" {
			return len(content) - len(rest), len(content) - len(after)
		}
		rest = after
	}
}

// keep writes the copy when the files in use have changed. It waits for the disk.
func (f *Files) keep() {
	f.loading.Lock()
	defer f.loading.Unlock()
	f.mu.Lock()
	usable := f.current != nil && f.fault == nil
	f.mu.Unlock()
	if f.paths.Kept == "" || !f.paths.Keep || !usable {
		return
	}
	if f.kept == "" {
		if content, err := readFile(f.paths.Kept, true); err == nil {
			f.kept = string(content)
		}
	}
	content, err := joined(f.seen)
	if err != nil || content == f.kept {
		return
	}
	err = durable.Write(f.paths.Kept, []byte(content))
	if err == nil {
		f.kept = content
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.unkept == nil {
		f.logger.Warn("could not copy the certificate files: if they are damaged, the next start fails", "copy", f.paths.Kept, "error", err)
	}
	f.unkept = err
}

// joined is the content of the copy: the PEM blocks of the three files, without the text between them.
func joined(seen [3]string) (string, error) {
	var all bytes.Buffer
	for i, content := range seen {
		for rest := []byte(content); ; {
			block, after := pem.Decode(rest)
			if block == nil {
				break
			}
			rest = after
			if i == 1 && (block.Type == "CERTIFICATE" || block.Type == "EC PARAMETERS") {
				continue // some authorities write it beside the key
			}
			if err := pem.Encode(&all, block); err != nil {
				return "", err
			}
		}
	}
	return all.String(), nil
}
