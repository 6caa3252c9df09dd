package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Purposes of keys derived from the pair secret. A key is of use for its purpose only, so one that leaks opens
// nothing else, and the pair secret itself never crosses a connection.
const (
	PurposeLink        = "link"
	PurposeReplication = "replication"
	PurposeWitness     = "witness"
	// PurposeForward is no password: with it a main vouches to the other one for an operator whose call it passes on.
	PurposeForward = "forward"
	purposeBackup  = "backup"
)

// DeriveKey derives from the pair secret the password for one purpose: hex HMAC-SHA256 of the purpose under the secret.
func DeriveKey(pairSecret, purpose string) string {
	mac := hmac.New(sha256.New, []byte(pairSecret))
	mac.Write([]byte(purpose))
	return hex.EncodeToString(mac.Sum(nil))
}

// BackupKey is no password: by it a pair proves its backups, and knows them again. It is derived here only.
func BackupKey(pairSecret Secret) string { return DeriveKey(pairSecret.Reveal(), purposeBackup) }

// TerminalKey is the key of one terminal: DeriveKey for the purpose "terminal:" and its id. Hosts derive it, the
// terminal is given it as HOTPAIR_TERMINAL_KEY and so never holds the pair secret.
func TerminalKey(pairSecret, id string) string {
	return DeriveKey(pairSecret, "terminal:"+id)
}
