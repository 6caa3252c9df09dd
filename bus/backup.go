package bus

import "github.com/hotpair/hotpair/storage/position"

// BackupOrder asks for a piece, in turn; without a Session it begins a backup. One that is not asked for ends by itself, or by Abandon.
type BackupOrder struct {
	Session string `json:"session,omitempty"`
	Piece   uint64 `json:"piece,omitempty"` // counts from 0
	Abandon bool   `json:"abandon,omitempty"`
}

// BackupPage answers it. Bytes are those of the file, Last says that it ends with them.
type BackupPage struct {
	Session  string            `json:"session,omitempty"`
	Bytes    []byte            `json:"bytes,omitempty"`
	Last     bool              `json:"last,omitempty"`
	Size     int64             `json:"size,omitempty"` // about, in bytes; with the first piece
	Done     float64           `json:"done"`
	Position position.Position `json:"position"` // that the backup holds, with the last piece
}
