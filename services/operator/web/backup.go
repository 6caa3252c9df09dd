package web

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// pieceWithin is how long a client may take to read one piece.
const pieceWithin = 30 * time.Second

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
		p.w.Header().Set("Trailer", operator.TrailerBackupProblem+", "+operator.TrailerBackupPosition)
		p.w.Header().Set(operator.HeaderBackupSize, strconv.FormatInt(p.size, 10))
	}
	// A backup has no time limit as a whole; a client that does not read must not block it.
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

// backup answers with a backup of this host's database: a file for hotpair restore. One that breaks off says why in the
// trailer Hotpair-Problem, and is incomplete.
func (h *handler) backup(w http.ResponseWriter, r *http.Request) error {
	if err := arguments(r, &operator.None{}); err != nil {
		return err
	}
	caller, err := h.caller(r, operator.CallBackup.Info())
	if err != nil {
		return err
	}
	h.called(&caller, operator.CallBackup.Name)
	out := &pieces{w: w, control: http.NewResponseController(w)}
	at, err := h.backups.Backup(r.Context(), caller, out)
	switch {
	case err != nil && !out.began:
		return h.failed(operator.CallBackup.Name, caller, err)
	case err != nil:
		w.Header().Set(operator.TrailerBackupProblem, wording.Printable(err.Error()))
		_ = h.failed(operator.CallBackup.Name, caller, err) // said in the log; the answer has begun
	default:
		w.Header().Set(operator.TrailerBackupPosition, at.String())
	}
	return nil
}
