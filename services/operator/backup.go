package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

// PathBackup gives a backup as a file.
const PathBackup = "/api/v1/backup"

const (
	// headerSize is how large a backup will be, about, in bytes. trailerProblem comes behind a backup that broke off,
	// trailerPosition behind one that is whole.
	headerSize      = "Hotpair-Size"
	trailerProblem  = "Hotpair-Problem"
	trailerPosition = "Hotpair-Position"
	// pieceWithin is how long a client may take to read one piece.
	pieceWithin = 30 * time.Second
)

// ErrBackup says that a file is no whole backup.
var ErrBackup = errors.New("no whole backup")

// BackupOutput takes the bytes of a backup in their order.
type BackupOutput interface {
	// Begin is told how large it will be, about, before the first byte.
	Begin(size int64)
	io.Writer
}

// Backups is the part of a main that gives backups. Each host gives them of its own database, whatever its role.
type Backups interface {
	// Backup writes a backup and gives the position that it holds. Nothing was written when the error is ErrRefused: as many
	// as can be are under way, or this host's database is not consistent. Otherwise what was written is worth nothing.
	Backup(ctx context.Context, caller Caller, to BackupOutput) (position.Position, error)
}

// BackupSummary is what a backup file holds.
type BackupSummary struct {
	File     string    `json:"file"`
	Version  int       `json:"version"`
	PairID   string    `json:"pair_id"`
	From     string    `json:"from"`     // host
	Made     time.Time `json:"made"`     // on that host's wall clock
	Position string    `json:"position"` // the last update in it
	Digest   string    `json:"digest"`   // of the history there
	Time     time.Time `json:"time"`     // of that update
	Items    int64     `json:"items"`
	Updates  int64     `json:"updates"` // that came while it was made
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`
}

// RestoreRequest says what to restore where.
type RestoreRequest struct {
	File, Dir, Host string
	// Aside moves what the directory holds beside it instead of refusing.
	Aside bool
}

// Restored is what a restore did.
type Restored struct {
	BackupSummary
	Dir      string `json:"dir"`
	Host     string `json:"host"`
	Identity string `json:"identity"`
	Aside    string `json:"aside,omitempty"` // where what was in the directory is now
}

// BackupFiles knows the form of backup files. Errors: ErrBackup, ErrRefused.
type BackupFiles interface {
	Check(path string, progress func(float64)) (BackupSummary, error)
	Restore(ctx context.Context, q RestoreRequest, progress func(what string, done float64)) (Restored, error)
}

// pieces writes a backup into an HTTP answer.
type pieces struct {
	w       http.ResponseWriter
	control *http.ResponseController
	size    int64
	began   bool
}

func (p *pieces) Begin(size int64) { p.size = size }

func (p *pieces) Write(b []byte) (int, error) {
	if !p.began {
		p.began = true
		p.w.Header().Set("Content-Type", "application/octet-stream")
		p.w.Header().Set("Trailer", trailerProblem+", "+trailerPosition)
		p.w.Header().Set(headerSize, strconv.FormatInt(p.size, 10))
	}
	// A backup takes as long as it takes; a client that does not read must not hold it.
	if err := p.control.SetWriteDeadline(time.Now().Add(pieceWithin)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return 0, err
	}
	n, err := p.w.Write(b)
	if err == nil {
		if err = p.control.Flush(); errors.Is(err, errors.ErrUnsupported) {
			err = nil
		}
	}
	return n, err
}

// backup answers with a backup of this host's database: a file that hotpair restore takes. One that breaks off says why
// in the trailer Hotpair-Problem, and lacks its end.
func (h *handler) backup(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	caller := h.called(r, "backup")
	out := &pieces{w: w, control: http.NewResponseController(w)}
	at, err := h.host.Backup(r.Context(), caller, out)
	switch {
	case err != nil && !out.began:
		return h.failed("backup", caller, err)
	case err != nil:
		w.Header().Set(trailerProblem, printable(err.Error()))
		_ = h.failed("backup", caller, err) // said in the log; the answer has begun
	default:
		w.Header().Set(trailerPosition, at.String())
	}
	return nil
}

// Backup writes a backup of the host's database. told is told how many bytes of how many, about, have come. Errors: those
// of Backups, ErrUnreachable; what was written then is no backup.
func (c *Client) Backup(ctx context.Context, to io.Writer, told func(got, size int64)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+PathBackup, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.url, reason(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return fmt.Errorf("%w at %s: its answer broke off: %w", ErrUnreachable, c.url, reason(err))
		}
		return decodeAnswer(response.StatusCode, response.Header.Get("Content-Type"), body, nil)
	}
	size, err := strconv.ParseInt(response.Header.Get(headerSize), 10, 64)
	if err != nil || size < 0 {
		return fmt.Errorf("%w: what answers at %s is no hotpair host", ErrUnreachable, c.url)
	}
	got := int64(0)
	piece := make([]byte, 256<<10)
	for {
		n, err := response.Body.Read(piece)
		if n > 0 {
			if _, err := to.Write(piece[:n]); err != nil {
				return err
			}
			got += int64(n)
			told(got, size)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w at %s: the backup broke off: %w", ErrUnreachable, c.url, reason(err))
		}
	}
	switch {
	case response.Trailer.Get(trailerProblem) != "":
		return fmt.Errorf("%w: %s", ErrUnfinished, printable(response.Trailer.Get(trailerProblem)))
	case response.Trailer.Get(trailerPosition) == "":
		return fmt.Errorf("%w at %s: the backup broke off", ErrUnreachable, c.url)
	}
	return nil
}
