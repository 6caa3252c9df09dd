package storage

import (
	"github.com/hotpair/hotpair/storage/aside"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/section"
)

// The shape of the history, under the names by which callers of the store know it.
type (
	Answer    = history.Answer
	Digest    = history.Digest
	Effect    = history.Effect
	Entry     = history.Entry
	Kind      = history.Kind
	Mark      = history.Mark
	RequestID = history.RequestID
	Stored    = history.Stored
)

const (
	KindUpdate   = history.KindUpdate
	KindBegan    = history.KindBegan
	MaxEntry     = history.MaxEntry
	MaxKey       = history.MaxKey
	MaxSpace     = history.MaxSpace
	MaxTerminal  = history.MaxTerminal
	MaxApp       = history.MaxApp
	AnswerWindow = history.AnswerWindow
)

// NewStored is history.NewStored.
func NewStored(prev Digest, e Entry) (Stored, error) { return history.NewStored(prev, e) }

// ReadStored is history.ReadStored.
func ReadStored(prev Digest, raw []byte) (Stored, error) { return history.ReadStored(prev, raw) }

// DecodeEntry is history.DecodeEntry.
func DecodeEntry(raw []byte) (Entry, error) { return history.DecodeEntry(raw) }

// Raws is history.Raws.
func Raws(entries []Stored) [][]byte { return history.Raws(entries) }

// The facts of a host, likewise.
type (
	Facts     = facts.Facts
	FactsData = facts.Data
	CopyState = facts.CopyState
)

// OpenFacts is facts.Open.
func OpenFacts(dir, host string) (*Facts, error) { return facts.Open(dir, host) }

// Aside is aside.File, a file of updates set aside.
type Aside = aside.File

// WriteAside is aside.Write.
func WriteAside(dir, reason string, records [][]byte, committed int) (string, error) {
	return aside.Write(dir, reason, records, committed)
}

// ReadAside is aside.Read.
func ReadAside(path string) (Aside, error) { return aside.Read(path) }

// ListAside is aside.List.
func ListAside(dir string) ([]string, error) { return aside.List(dir) }

// What the database file says of itself, likewise.
type (
	CopyProgress = layout.CopyProgress
	EpochStart   = layout.EpochStart
)

// Sections and their differences, likewise.
type (
	Section    = section.Section
	Content    = section.Content
	Detail     = section.Detail
	Difference = section.Difference
)

const (
	OnlyDigest = section.OnlyDigest
	WithSums   = section.WithSums
	WithValues = section.WithValues
	Missing    = section.Missing
	Extra      = section.Extra
	Different  = section.Different
)

// Differences is section.Differences.
func Differences(here, there Content) []Difference { return section.Differences(here, there) }

// AnswerID is section.AnswerID.
func AnswerID(key []byte) (RequestID, error) { return section.AnswerID(key) }
