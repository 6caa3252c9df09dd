package role

import "github.com/hotpair/hotpair/services/role/record"

// The pair record, and who and what is in it.
type (
	Member = record.Member
	Record = record.Record
	Pause  = record.Pause
)

// Bounds of a pause.
const (
	LongestPause  = record.LongestPause
	ShortestPause = record.ShortestPause
)

func names(members []Member) string { return record.Names(members) }
