package bus

import "bytes"

func (id *RequestID) write(w *writer) {
	m := w.open()
	w.text(m, 1, id.Terminal)
	w.optionalNumber(m, 2, id.Counter)
	w.optionalText(m, 3, id.App)
}

func (id *RequestID) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			id.Terminal = r.text()
		case 2:
			id.Counter = r.number()
		case 3:
			id.App = r.text()
		default:
			r.odd = true
		}
	}
}

func (q *Request) write(w *writer) {
	m := w.open()
	w.key(m, 1)
	q.ID.write(w)
	w.optionalNumber(m, 2, q.Oldest)
	w.optionalNumber(m, 3, uint64(max(q.Attempt, 0)))
	w.optionalNumber(m, 4, uint64(max(q.Crashes, 0)))
	w.optionalNumber(m, 5, q.Epoch)
	w.text(m, 6, q.Service)
	w.text(m, 7, q.Operation)
	w.optionalBytes(m, 8, q.Body)
	w.optionalNumber(m, 9, uint64(max(q.Remaining, 0)))
}

func (q *Request) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			q.ID.read(r)
		case 2:
			q.Oldest = r.number()
		case 3:
			q.Attempt = int(r.signed())
		case 4:
			q.Crashes = int(r.signed())
		case 5:
			q.Epoch = r.number()
		case 6:
			q.Service = r.text()
		case 7:
			q.Operation = r.text()
		case 8:
			q.Body = r.bytes()
		case 9:
			q.Remaining = r.signed()
		default:
			r.odd = true
		}
	}
}

func (a *Reply) write(w *writer) {
	m := w.open()
	w.optionalNumber(m, 1, uint64(max(a.Code, 0)))
	w.optionalText(m, 2, a.Message)
	w.optionalBytes(m, 3, a.Body)
	w.position(m, 4, a.Position)
	w.optionalBytes(m, 5, a.Receipt)
}

func (a *Reply) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			a.Code = int(r.signed())
		case 2:
			a.Message = r.text()
		case 3:
			a.Body = r.bytes()
		case 4:
			a.Position = r.position()
		case 5:
			a.Receipt = bytes.Clone(r.bytes()) // agents keep it long after the pack
		default:
			r.odd = true
		}
	}
}

func (c *DatabaseCall) write(w *writer) {
	m := w.open()
	if c.Read != nil {
		w.key(m, 1)
		c.Read.write(w)
	}
	if c.Scan != nil {
		w.key(m, 2)
		c.Scan.write(w)
	}
	if c.Commit != nil {
		w.key(m, 3)
		c.Commit.write(w)
	}
}

func (c *DatabaseCall) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			c.Read = new(Read)
			c.Read.read(r)
		case 2:
			c.Scan = new(Scan)
			c.Scan.read(r)
		case 3:
			c.Commit = new(Commit)
			c.Commit.read(r)
		default:
			r.odd = true
		}
	}
}

func (q *Read) write(w *writer) {
	m := w.open()
	w.key(m, 1)
	q.ID.write(w)
	w.array(m, 2, len(q.Keys))
	for _, key := range q.Keys {
		w.head(majorBytes, uint64(len(key)))
		w.b = append(w.b, key...)
	}
}

func (q *Read) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			q.ID.read(r)
		case 2:
			q.Keys = elements(r, readKey)
		default:
			r.odd = true
		}
	}
}

func readKey(r *reader, key *[]byte) { *key = r.bytes() }

func (q *Scan) write(w *writer) {
	m := w.open()
	w.optionalBytes(m, 1, q.Prefix)
	w.optionalBytes(m, 2, q.After)
	w.optionalNumber(m, 3, uint64(max(q.Limit, 0)))
	w.position(m, 4, q.At)
	w.key(m, 5)
	q.ID.write(w)
}

func (q *Scan) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			q.Prefix = r.bytes()
		case 2:
			q.After = r.bytes()
		case 3:
			q.Limit = int(r.signed())
		case 4:
			q.At = r.position()
		case 5:
			q.ID.read(r)
		default:
			r.odd = true
		}
	}
}

func (c *Commit) write(w *writer) {
	m := w.open()
	w.key(m, 1)
	c.ID.write(w)
	w.optionalNumber(m, 2, c.Oldest)
	w.optionalNumber(m, 3, uint64(max(c.Attempt, 0)))
	w.number(m, 4, c.Epoch)
	if len(c.Conditions) > 0 {
		w.array(m, 5, len(c.Conditions))
		for i := range c.Conditions {
			c.Conditions[i].write(w)
		}
	}
	if len(c.Operations) > 0 {
		w.array(m, 6, len(c.Operations))
		for i := range c.Operations {
			c.Operations[i].write(w)
		}
	}
	w.key(m, 7)
	c.Answer.write(w)
	w.optionalYes(m, 8, c.Record)
}

func (c *Commit) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			c.ID.read(r)
		case 2:
			c.Oldest = r.number()
		case 3:
			c.Attempt = int(r.signed())
		case 4:
			c.Epoch = r.number()
		case 5:
			c.Conditions = elements(r, readCondition)
		case 6:
			c.Operations = elements(r, readOperation)
		case 7:
			c.Answer.read(r)
		case 8:
			c.Record = r.yes()
		default:
			r.odd = true
		}
	}
}

func (c *Condition) write(w *writer) {
	m := w.open()
	w.bytes(m, 1, c.Key)
	w.optionalNumber(m, 2, c.Revision)
	w.optionalYes(m, 3, c.Present)
}

func readCondition(r *reader, c *Condition) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			c.Key = r.bytes()
		case 2:
			c.Revision = r.number()
		case 3:
			c.Present = r.yes()
		default:
			r.odd = true
		}
	}
}

func (o *Operation) write(w *writer) {
	m := w.open()
	w.bytes(m, 1, o.Key)
	w.optionalBytes(m, 2, o.Value)
	w.optionalYes(m, 3, o.Delete)
}

func readOperation(r *reader, o *Operation) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			o.Key = r.bytes()
		case 2:
			o.Value = r.bytes()
		case 3:
			o.Delete = r.yes()
		default:
			r.odd = true
		}
	}
}

func (a *Answer) write(w *writer) {
	m := w.open()
	w.optionalNumber(m, 1, uint64(max(a.Code, 0)))
	w.optionalText(m, 2, a.Message)
	w.optionalBytes(m, 3, a.Body)
	w.optionalYes(m, 4, a.Revision)
}

func (a *Answer) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			a.Code = int(r.signed())
		case 2:
			a.Message = r.text()
		case 3:
			a.Body = r.bytes()
		case 4:
			a.Revision = r.yes()
		default:
			r.odd = true
		}
	}
}

func (a *DatabaseReply) write(w *writer) {
	m := w.open()
	w.optionalNumber(m, 1, uint64(max(a.Code, 0)))
	w.optionalText(m, 2, a.Message)
	w.position(m, 3, a.Position)
	if len(a.Items) > 0 {
		w.array(m, 4, len(a.Items))
		for i := range a.Items {
			a.Items[i].write(w)
		}
	}
	w.optionalYes(m, 5, a.More)
	if a.Recorded != nil {
		w.key(m, 6)
		a.Recorded.write(w)
	}
	if len(a.Conflicts) > 0 {
		w.array(m, 7, len(a.Conflicts))
		for _, key := range a.Conflicts {
			w.head(majorBytes, uint64(len(key)))
			w.b = append(w.b, key...)
		}
	}
}

func (a *DatabaseReply) read(r *reader) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			a.Code = int(r.signed())
		case 2:
			a.Message = r.text()
		case 3:
			a.Position = r.position()
		case 4:
			a.Items = elements(r, readItem)
		case 5:
			a.More = r.yes()
		case 6:
			a.Recorded = new(Reply)
			a.Recorded.read(r)
		case 7:
			a.Conflicts = elements(r, readKey)
		default:
			r.odd = true
		}
	}
}

func (i *Item) write(w *writer) {
	m := w.open()
	w.optionalBytes(m, 1, i.Key)
	w.optionalBytes(m, 2, i.Value)
	w.optionalNumber(m, 3, i.Revision)
}

func readItem(r *reader, i *Item) {
	for f := r.fields(); ; {
		switch r.next(&f) {
		case 0:
			return
		case 1:
			i.Key = r.bytes()
		case 2:
			i.Value = r.bytes()
		case 3:
			i.Revision = r.number()
		default:
			r.odd = true
		}
	}
}
