package inspection

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/divergent"
	"github.com/hotpair/hotpair/storage/history"
)

// divergentMost bounds a page of records kept as divergent.
const divergentMost = 1000

// divergentOf answers bus.DivergentRequest from the files in a data directory.
func divergentOf(dir string, q bus.DivergentRequest) (bus.DivergentPage, error) {
	page := bus.DivergentPage{Files: []bus.DivergentFile{}}
	paths, err := divergentFiles(dir, q.File)
	if err != nil {
		return page, err
	}
	for _, path := range paths {
		found := bus.DivergentFile{Name: filepath.Base(path)}
		content, err := divergent.Read(path)
		if err != nil {
			found.Problem = err.Error()
			page.Files = append(page.Files, found)
			continue
		}
		found.Reason, found.Records = content.Reason, len(content.Records)
		if n := len(content.Records); n > 0 {
			found.First, found.Last = positionOf(content.Records[0]), positionOf(content.Records[n-1])
		}
		page.Files = append(page.Files, found)
		if q.File != "" {
			page.Updates, page.Next = divergentRecords(content.Records, q)
		}
	}
	return page, nil
}

// divergentFiles gives the paths of all files of divergent updates, or of one. The error is bus.ErrAbsent when that is none of them: only a name that
// is listed counts, what is asked for must not lead elsewhere.
func divergentFiles(dir, file string) ([]string, error) {
	paths, err := divergent.List(dir)
	if err != nil || file == "" {
		return paths, err
	}
	i := slices.IndexFunc(paths, func(p string) bool { return filepath.Base(p) == file })
	if i < 0 {
		return nil, fmt.Errorf("%w: there is no file %q of divergent updates", bus.ErrAbsent, file)
	}
	return paths[i : i+1], nil
}

// forgetDivergent has files no longer counted and shown: an operator is done with them.
func (i *Inspector) forgetDivergent(q bus.ForgetDivergent) (bus.DivergentForgotten, error) {
	done := bus.DivergentForgotten{Files: []string{}}
	paths, err := divergentFiles(i.config.Data, q.File)
	for _, path := range paths {
		if err = divergent.Forget(path); err != nil {
			break
		}
		done.Files = append(done.Files, filepath.Base(path))
	}
	return done, errors.Join(err, i.config.Updater.CountDivergent())
}

func positionOf(record []byte) string {
	if e, err := history.DecodeEntry(record); err == nil {
		return e.Position.String()
	}
	return ""
}

// divergentRecords gives a page of records.
func divergentRecords(records [][]byte, q bus.DivergentRequest) (updates []bus.DivergentUpdate, next int) {
	limit := min(max(q.Limit, 0), divergentMost)
	if limit == 0 {
		limit = divergentMost
	}
	from := min(max(q.From, 0), len(records))
	for at, record := range records[from:min(from+limit, len(records))] {
		e, err := history.DecodeEntry(record)
		if err != nil {
			updates = append(updates, bus.DivergentUpdate{Unreadable: len(records[from+at])})
			continue
		}
		updates = append(updates, bus.DivergentUpdate{HistoryUpdate: shownUpdate(&e)})
	}
	if from+limit < len(records) {
		next = from + limit
	}
	return updates, next
}
