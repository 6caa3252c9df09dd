package archive

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/wires"
	"github.com/hotpair/hotpair/storage/backup"
	"github.com/hotpair/hotpair/storage/origin"
)

// ErrCopied says that a host would be mistaken for one of the pair that its data were copied from.
var ErrCopied = errors.New("this host has copied data, and would be mistaken for a host of the original pair, which may be running")

// Apart refuses to start a process of a host on data that were made a pair of their own (hotpair restore finish
// --as-copy) with the credentials of a pair that they were copied from: its secret, or its name in the certificate that
// would be in use. Unreadable certificate files are left to the code that needs them. The error is ErrCopied, or that
// of the file with the origins.
func Apart(dir, host string, secret config.Secret, files config.TLS) error {
	origins, err := origin.Read(dir)
	if err != nil || len(origins.Copied) == 0 {
		return err
	}
	trust := ""
	if w, err := wires.OpenHost(files, host, wires.Environment{Data: dir}, slog.New(slog.DiscardHandler)); err == nil {
		trust = w.Own().Name.Pair
	}
	key := backup.Key(config.BackupKey(secret)).Name()
	for _, o := range origins.Copied {
		what, instead := "", ""
		switch {
		case o.Trust != "" && o.Trust == trust:
			what = fmt.Sprintf("HOTPAIR_TLS_CERT: %s is of pair %s", files.TLSCert, trust)
			instead = "certificates of an authority with another name (hotpair authority init --pair NAME)"
		case o.Key == key:
			what, instead = "HOTPAIR_PAIR_SECRET is that of pair "+o.ID, "another HOTPAIR_PAIR_SECRET (openssl rand -hex 32)"
		default:
			continue
		}
		return fmt.Errorf("%w: %s, and %s is a copy of that pair's data, made by hotpair restore finish --as-copy. Give both hosts, the witness and the terminals of the copy %s; "+
			"to replace that pair instead, restore the backup again and finish it with --replaces", ErrCopied, what, dir, instead)
	}
	return nil
}
