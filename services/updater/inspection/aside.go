package inspection

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/aside"
	"github.com/hotpair/hotpair/storage/history"
)

// asideMost bounds a page of records set aside.
const asideMost = 1000

// asideOf answers bus.AsideRequest from the files in a data directory.
func asideOf(dir string, q bus.AsideRequest) (bus.AsidePage, error) {
	page := bus.AsidePage{Files: []bus.AsideFile{}}
	paths, err := asideFiles(dir, q.File)
	if err != nil {
		return page, err
	}
	for _, path := range paths {
		found := bus.AsideFile{Name: filepath.Base(path)}
		content, err := aside.Read(path)
		if err != nil {
			found.Problem = err.Error()
			page.Files = append(page.Files, found)
			continue
		}
		found.Reason, found.Records = content.Reason, len(content.Records)
		if n := len(content.Records); n > 0 {
			found.First, found.Last = asidePosition(content.Records[0]), asidePosition(content.Records[n-1])
		}
		page.Files = append(page.Files, found)
		if q.File != "" {
			page.Updates, page.Next = asideRecords(content.Records, q)
		}
	}
	return page, nil
}

// asideFiles gives the paths of all files set aside, or of one. The error is bus.ErrAbsent when that is none of them: only a name that
// is listed counts, what is asked for must not lead elsewhere.
func asideFiles(dir, file string) ([]string, error) {
	paths, err := aside.List(dir)
	if err != nil || file == "" {
		return paths, err
	}
	i := slices.IndexFunc(paths, func(p string) bool { return filepath.Base(p) == file })
	if i < 0 {
		return nil, fmt.Errorf("%w: there is no file %q among those set aside", bus.ErrAbsent, file)
	}
	return paths[i : i+1], nil
}

// forgetAside has files no longer counted and shown: an operator is done with them.
func (i *Inspector) forgetAside(q bus.ForgetAside) (bus.AsideForgotten, error) {
	done := bus.AsideForgotten{Files: []string{}}
	paths, err := asideFiles(i.config.Data, q.File)
	for _, path := range paths {
		if err = aside.Forget(path); err != nil {
			break
		}
		done.Files = append(done.Files, filepath.Base(path))
	}
	return done, errors.Join(err, i.config.Updater.CountAside())
}

func asidePosition(record []byte) string {
	if e, err := history.DecodeEntry(record); err == nil {
		return e.Position.String()
	}
	return ""
}

// asideRecords gives a page of records.
func asideRecords(records [][]byte, q bus.AsideRequest) (updates []bus.AsideUpdate, next int) {
	limit := min(max(q.Limit, 0), asideMost)
	if limit == 0 {
		limit = asideMost
	}
	from := min(max(q.From, 0), len(records))
	for at, record := range records[from:min(from+limit, len(records))] {
		e, err := history.DecodeEntry(record)
		if err != nil {
			updates = append(updates, bus.AsideUpdate{Unreadable: len(records[from+at])})
			continue
		}
		updates = append(updates, bus.AsideUpdate{HistoryUpdate: shownUpdate(&e)})
	}
	if from+limit < len(records) {
		next = from + limit
	}
	return updates, next
}
