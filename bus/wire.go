package bus

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/hotpair/hotpair/storage/position"
)

// Packs are most of what a host says to itself, and reading and writing them by reflection was 5 to 9 % of the work of each
// process they pass. So their four kinds of content are written and read here by hand, at half of that: as the same CBOR. What looks unusual in any way is left
// to the library, which decides what it is; the tags of the structs are the one description of the format.

// wired is content of packs with code of its own.
type wired interface {
	write(*writer)
	read(*reader)
}

// Major types of CBOR.
const (
	majorNumber = 0
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	wireFalse   = 0xf4
	wireTrue    = 0xf5
)

// writer appends CBOR. A map is opened with no fields; each field written counts itself, up to 23.
type writer struct{ b []byte }

func (w *writer) head(major byte, n uint64) {
	major <<= 5
	switch {
	case n < 24:
		w.b = append(w.b, major|byte(n))
	case n <= math.MaxUint8:
		w.b = append(w.b, major|24, byte(n))
	case n <= math.MaxUint16:
		w.b = binary.BigEndian.AppendUint16(append(w.b, major|25), uint16(n))
	case n <= math.MaxUint32:
		w.b = binary.BigEndian.AppendUint32(append(w.b, major|26), uint32(n))
	default:
		w.b = binary.BigEndian.AppendUint64(append(w.b, major|27), n)
	}
}

// open begins a map and gives its place.
func (w *writer) open() int {
	w.b = append(w.b, majorMap<<5)
	return len(w.b) - 1
}

func (w *writer) key(of int, key byte) {
	w.b[of]++
	w.b = append(w.b, key)
}

func (w *writer) number(of int, key byte, n uint64) {
	w.key(of, key)
	w.head(majorNumber, n)
}

func (w *writer) bytes(of int, key byte, v []byte) {
	w.key(of, key)
	w.head(majorBytes, uint64(len(v)))
	w.b = append(w.b, v...)
}

func (w *writer) text(of int, key byte, v string) {
	w.key(of, key)
	w.head(majorText, uint64(len(v)))
	w.b = append(w.b, v...)
}

func (w *writer) yes(of int, key byte) {
	w.key(of, key)
	w.b = append(w.b, wireTrue)
}

func (w *writer) array(of int, key byte, n int) {
	w.key(of, key)
	w.head(majorArray, uint64(n))
}

func (w *writer) position(of int, key byte, p position.Position) {
	w.key(of, key)
	m := w.open()
	w.number(m, 1, p.Epoch)
	w.number(m, 2, p.Sequence)
}

// The fields that are left out when they are zero.

func (w *writer) optionalNumber(of int, key byte, n uint64) {
	if n != 0 {
		w.number(of, key, n)
	}
}

func (w *writer) optionalBytes(of int, key byte, v []byte) {
	if len(v) > 0 {
		w.bytes(of, key, v)
	}
}

func (w *writer) optionalText(of int, key byte, v string) {
	if v != "" {
		w.text(of, key, v)
	}
}

func (w *writer) optionalYes(of int, key byte, v bool) {
	if v {
		w.yes(of, key)
	}
}

// reader reads what writer writes, and is odd from the first byte on that writer would not have written: then nothing
// that was read counts. Bytes that it gives share the memory of what it reads.
type reader struct {
	b     []byte
	odd   bool
	known [4]string // the last texts, most of which come again
	turn  int
}

// maxElements of an array are read here; the library has the same bound.
const maxElements = 131072

func (r *reader) head(major byte) uint64 {
	if r.odd || len(r.b) == 0 || r.b[0]>>5 != major {
		r.odd = true
		return 0
	}
	info := r.b[0] & 31
	r.b = r.b[1:]
	if info < 24 {
		return uint64(info)
	}
	size := 1 << (info - 24)
	if info > 27 || len(r.b) < size {
		r.odd = true
		return 0
	}
	var n uint64
	for _, c := range r.b[:size] {
		n = n<<8 | uint64(c)
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) number() uint64 { return r.head(majorNumber) }

func (r *reader) signed() int64 {
	n := r.number()
	if n > math.MaxInt64 {
		r.odd = true
	}
	return int64(n)
}

func (r *reader) taken(major byte) []byte {
	n := r.head(major)
	if r.odd || n > uint64(len(r.b)) {
		r.odd = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte { return r.taken(majorBytes) }

func (r *reader) text() string {
	v := r.taken(majorText)
	for _, known := range r.known {
		if known == string(v) {
			return known
		}
	}
	if !utf8.Valid(v) {
		r.odd = true
	}
	text := string(v)
	r.known[r.turn] = text
	r.turn = (r.turn + 1) % len(r.known)
	return text
}

func (r *reader) yes() bool {
	if r.odd || len(r.b) == 0 || r.b[0] != wireTrue && r.b[0] != wireFalse {
		r.odd = true
		return false
	}
	v := r.b[0] == wireTrue
	r.b = r.b[1:]
	return v
}

func (r *reader) array() int {
	n := r.head(majorArray)
	if n > maxElements {
		r.odd = true
	}
	return int(n)
}

// fields are those of a map that are left to be read.
type fields struct {
	left uint64
	last uint64
}

func (r *reader) fields() fields { return fields{left: r.head(majorMap)} }

// next gives the key of the next field, 0 when there is none. Keys rise, so none comes twice.
func (r *reader) next(f *fields) uint64 {
	if r.odd || f.left == 0 {
		return 0
	}
	f.left--
	key := r.number()
	if key <= f.last {
		r.odd = true
		return 0
	}
	f.last = key
	return key
}

func (r *reader) position() (p position.Position) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return p
		case 1:
			p.Epoch = r.number()
		case 2:
			p.Sequence = r.number()
		default:
			r.odd = true
		}
	}
}

// elements reads an array, growing as it goes: its length is only claimed.
func elements[T any](r *reader, one func(*reader, *T)) []T {
	n := r.array()
	if r.odd {
		return nil
	}
	list := make([]T, 0, min(n, 64))
	for range n {
		list = append(list, *new(T))
		if one(r, &list[len(list)-1]); r.odd {
			return nil
		}
	}
	return list
}

// encodePack writes a pack; size is about what it will have.
func encodePack[T any](items []numbered[T], size int) ([]byte, error) {
	if _, ours := any(new(T)).(wired); !ours {
		return Encode(pack[T]{items})
	}
	w := &writer{b: make([]byte, 1, size+32*len(items)+16)}
	w.b[0] = Version
	m := w.open()
	w.array(m, 1, len(items))
	for i := range items {
		item := w.open()
		w.number(item, 1, items[i].Number)
		w.key(item, 2)
		any(&items[i].Value).(wired).write(w)
	}
	return w.b, nil
}

// decodePack reads a pack, whose bytes must not be changed afterwards. Errors as of Decode.
func decodePack[T any](data []byte) (pack[T], error) {
	if _, ours := any(new(T)).(wired); ours && len(data) > 0 && data[0] == Version {
		r := &reader{b: data[1:]}
		if p := readPack[T](r); !r.odd && len(r.b) == 0 {
			return p, nil
		}
	}
	var p pack[T]
	err := Decode(data, &p)
	return p, err
}

func readPack[T any](r *reader) (p pack[T]) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return p
		case 1:
			p.Items = elements(r, readNumbered[T])
		default:
			r.odd = true
		}
	}
}

func readNumbered[T any](r *reader, item *numbered[T]) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			item.Number = r.number()
		case 2:
			any(&item.Value).(wired).read(r)
		default:
			r.odd = true
		}
	}
}
