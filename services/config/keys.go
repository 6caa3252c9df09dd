package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Purposes of keys derived from the pair secret. A key works for its purpose only, so a leaked one opens nothing
// else, and the pair secret itself never crosses a connection.
const (
	PurposeLink        = "link"
	PurposeReplication = "replication"
	PurposeWitness     = "witness"
	// PurposeForward is not a password: main uses it to vouch to the other main for an operator whose call it
	// forwards.
	PurposeForward = "forward"
	purposeBackup  = "backup"
)

// DeriveKey derives the password for one purpose from the pair secret: hex HMAC-SHA256 of the purpose under the
// secret.
func DeriveKey(pairSecret, purpose string) string {
	mac := hmac.New(sha256.New, []byte(pairSecret))
	mac.Write([]byte(purpose))
	return hex.EncodeToString(mac.Sum(nil))
}

// BackupKey is not a password: a pair signs its backups with it, and recognises them. It is derived here only.
func BackupKey(pairSecret Secret) string { return DeriveKey(pairSecret.Reveal(), purposeBackup) }

// TerminalKey is the key of one terminal: DeriveKey for the purpose "terminal:" and its id. Hosts derive it; the
// terminal gets it as HOTPAIR_TERMINAL_KEY and so never holds the pair secret.
func TerminalKey(pairSecret, id string) string {
	return DeriveKey(pairSecret, "terminal:"+id)
}
