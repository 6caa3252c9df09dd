package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// Summary describes a complete backup.
type Summary struct {
	Header
	Position string    `json:"position"`
	Digest   string    `json:"digest"` // of the history at Position
	Time     time.Time `json:"time"`   // pair time there
	Ranges   int       `json:"ranges"`
	Items    int64     `json:"items"`
	Entries  int64     `json:"entries"`
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`
	Proved   bool      `json:"proved"` // that the pair made it

	until history.Mark
}

// sink receives the content of a backup in order, each record already checked. The end comes after the check of the
// checksum.
type sink interface {
	begin(h Header) error
	putRange(r storage.Range) error
	putEntries(entries []history.Stored) error
}

// nothing is the sink of a check without a restore.
type nothing struct{}

func (nothing) begin(Header) error                { return nil }
func (nothing) putRange(storage.Range) error      { return nil }
func (nothing) putEntries([]history.Stored) error { return nil }

// Check reads a whole file and says what it holds. The error is ErrForeign, ErrVersion, ErrShort, ErrDamaged or ErrUnproved, with the
// place in the file. progress, if not nil, is told how far it is, 0 to 1.
func Check(ctx context.Context, path string, proof Proof, progress func(float64)) (Summary, error) {
	return readFile(ctx, path, proof, nothing{}, progress)
}

func readFile(ctx context.Context, path string, proof Proof, to sink, progress func(float64)) (Summary, error) {
	file, err := regular.Open(path)
	switch {
	case errors.Is(err, regular.ErrNotRegular):
		return Summary{}, fmt.Errorf("read backup: %w: %w: copy it into a file first, it is read twice", ErrForeign, err)
	case err != nil:
		return Summary{}, fmt.Errorf("read backup: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Summary{}, fmt.Errorf("read backup: %w", err)
	}
	var in io.Reader = ended{ctx, file}
	if proof.Unseal != nil {
		if in, err = proof.Unseal(in); err != nil {
			return Summary{}, fmt.Errorf("read backup %s: %w: %w", path, ErrSealed, err)
		}
		in = unsealed{in}
	}
	r := newReader(in, proof, to)
	r.progress = func(at int64) {
		if progress != nil && info.Size() > 0 {
			progress(float64(at) / float64(info.Size()))
		}
	}
	s, err := r.read()
	if err != nil {
		return Summary{}, fmt.Errorf("read backup %s: %w", path, err)
	}
	return s, nil
}

// sealedMagic begins a file that age has encrypted.
const sealedMagic = "age-encryption.org/v1\n"

// unsealed says of what can't be decrypted that it is damaged: each piece of it is proved by age.
type unsealed struct{ in io.Reader }

func (u unsealed) Read(b []byte) (int, error) {
	n, err := u.in.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w: decrypt it: %w", ErrDamaged, err)
	}
	return n, err
}

// ended reads until ctx ends.
type ended struct {
	ctx context.Context
	in  io.Reader
}

func (e ended) Read(b []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.in.Read(b)
}

// reader reads one backup. It never panics, whatever the bytes, and holds one record at a time.
type reader struct {
	in       *bufio.Reader
	proof    Proof
	to       sink
	progress func(int64)

	hashed io.Writer
	digest interface{ Sum([]byte) []byte }
	at     int64

	began   bool
	header  Header
	end     End
	cursor  []byte // where the next range must begin
	ranged  bool   // all ranges were read
	highest history.Mark
	chain   history.Mark
}

func newReader(in io.Reader, proof Proof, to sink) *reader {
	h := sha256.New()
	return &reader{in: bufio.NewReaderSize(in, 1<<20), proof: proof, to: to, hashed: h, digest: h, progress: func(int64) {}}
}

// read reads it all.
func (r *reader) read() (Summary, error) {
	first := make([]byte, len(magic))
	n, err := io.ReadFull(r.in, first)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return Summary{}, err
	case n == len(magic) && string(first) == sealedMagic[:n]:
		return Summary{}, fmt.Errorf("%w: the age identity that decrypts it is needed (--identity FILE)", ErrSealed)
	case n == 0 || string(first[:n]) != magic[:n]:
		return Summary{}, fmt.Errorf("%w: it does not begin like one", ErrForeign)
	case n < len(magic):
		return Summary{}, fmt.Errorf("%w: it has %d bytes", ErrShort, n)
	}
	r.take(first)
	for {
		done, err := r.record()
		if err != nil {
			return Summary{}, fmt.Errorf("%w (record before byte %d)", err, r.at)
		}
		r.progress(r.at)
		if done {
			return r.finish()
		}
	}
}

func (r *reader) take(raw []byte) {
	_, _ = r.hashed.Write(raw) // never fails
	r.at += int64(len(raw))
}

// full reads exactly so many bytes.
func (r *reader) full(n int) ([]byte, error) {
	// Grown as it comes: a length in a damaged file must not cost its memory.
	var b bytes.Buffer
	got, err := io.CopyN(&b, r.in, int64(n))
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %d bytes are missing at byte %d", ErrShort, int64(n)-got, r.at+got)
	}
	return b.Bytes(), err
}

// record reads one record and gives it on.
func (r *reader) record() (done bool, err error) {
	head, err := r.full(5)
	if err != nil {
		return false, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length > maxRecord {
		return false, fmt.Errorf("%w: a record of %d bytes", ErrDamaged, length)
	}
	body, err := r.full(int(length))
	if err != nil {
		return false, err
	}
	r.take(head)
	r.take(body)
	switch {
	case (head[0] == recordHeader) == r.began:
		return false, fmt.Errorf("%w: the header is not the first record", ErrDamaged)
	case head[0] == recordHeader:
		return false, r.takeHeader(body)
	case head[0] == recordRange:
		return false, r.takeRange(body)
	case head[0] == recordEntries:
		return false, r.takeEntries(body)
	case head[0] == recordEnd:
		return true, r.takeEnd(body)
	}
	return false, fmt.Errorf("%w: a record of type %q", ErrDamaged, head[0])
}

func (r *reader) takeHeader(body []byte) error {
	r.began = true
	if err := unmarshal(body, &r.header); err != nil {
		return err
	}
	if r.header.Version != Version {
		return fmt.Errorf("%w %d, this program knows %d", ErrVersion, r.header.Version, Version)
	}
	if err := r.proof.expects(r.header); err != nil {
		return err
	}
	r.highest, r.chain = r.header.Base, r.header.Base
	return r.to.begin(r.header)
}

func (r *reader) takeRange(body []byte) error {
	part, err := storage.DecodeRange(body)
	if err == nil {
		err = part.Whole()
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case r.ranged || !bytes.Equal(part.From, r.cursor):
		return fmt.Errorf("%w: a range is missing or duplicated", ErrDamaged)
	}
	r.cursor, r.ranged = part.Next, part.Done
	r.end.Ranges++
	r.end.Items += int64(len(part.Items))
	if part.At.Position.Sequence > r.highest.Position.Sequence {
		r.highest = part.At
	}
	r.end.Time = max(r.end.Time, part.Time)
	return r.to.putRange(part)
}

func (r *reader) takeEntries(body []byte) error {
	if !r.ranged {
		return fmt.Errorf("%w: history before all ranges", ErrDamaged)
	}
	var raws [][]byte
	if err := unmarshal(body, &raws); err != nil {
		return err
	}
	entries := make([]history.Stored, 0, len(raws))
	for _, raw := range raws {
		e, err := history.ReadStored(r.chain.Digest, raw)
		if err == nil {
			err = e.Follows(r.chain)
		}
		if err != nil {
			return fmt.Errorf("%w: history after %v: %w", ErrDamaged, r.chain.Position, err)
		}
		entries, r.chain = append(entries, e), e.Mark()
		r.end.Time = max(r.end.Time, e.Entry.Time)
		if r.chain.Position.Sequence == r.highest.Position.Sequence && r.chain != r.highest {
			return fmt.Errorf("%w: the history does not lead to the content of the ranges", ErrDamaged)
		}
	}
	r.end.Entries += int64(len(entries))
	if len(entries) == 0 {
		return nil
	}
	return r.to.putEntries(entries)
}

func (r *reader) takeEnd(body []byte) error {
	var end End
	if err := unmarshal(body, &end); err != nil {
		return err
	}
	switch {
	case !r.ranged:
		return fmt.Errorf("%w: ranges are missing", ErrDamaged)
	case end.Ranges != r.end.Ranges || end.Items != r.end.Items || end.Entries != r.end.Entries:
		return fmt.Errorf("%w: it should hold %d ranges, %d items, %d entries, and holds %d, %d, %d", ErrDamaged,
			end.Ranges, end.Items, end.Entries, r.end.Ranges, r.end.Items, r.end.Entries)
	case end.Until != r.chain || r.chain.Position.Sequence < r.highest.Position.Sequence:
		return fmt.Errorf("%w: its history ends at %v, the backup at %v", ErrDamaged, r.chain.Position, end.Until.Position)
	}
	r.end = end
	return nil
}

// finish checks the checksum, that nothing follows, and the proof.
func (r *reader) finish() (Summary, error) {
	want := r.digest.Sum(nil)
	tail, err := r.full(2 * sha256.Size)
	if err != nil {
		return Summary{}, err
	}
	if !bytes.Equal(tail[:sha256.Size], want) {
		return Summary{}, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return Summary{}, fmt.Errorf("%w: there is data after its end", ErrDamaged)
	}
	proved, err := r.proof.holds(r.header, want, tail[sha256.Size:])
	if err != nil {
		return Summary{}, err
	}
	return Summary{
		Header: r.header, Proved: proved, Position: r.end.Until.Position.String(), Digest: r.end.Until.Digest.String(), Time: time.Unix(0, r.end.Time).UTC(),
		Ranges: r.end.Ranges, Items: r.end.Items, Entries: r.end.Entries, Bytes: r.at + 2*sha256.Size, SHA256: fmt.Sprintf("%x", want),
		until: r.end.Until,
	}, nil
}

// unmarshal reads CBOR of a backup. The error is ErrDamaged.
func unmarshal(raw []byte, v any) error {
	mode, err := cbor.DecOptions{MaxArrayElements: 1 << 20, MaxNestedLevels: 8, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsAllowed}.DecMode()
	if err == nil {
		err = mode.Unmarshal(raw, v)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}
