package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// PublishMsg returns when the message is written; its headers are not sent. It makes the wire a batch.Publisher.
func (w *Conn) PublishMsg(m *nats.Msg) error { return w.publish(m.Subject, m.Reply, m.Data, true) }

func (w *Conn) publish(subject, reply string, data []byte, wait bool) error {
	if reply != "" {
		subject += " " + reply
	}
	b := make([]byte, 0, len(subject)+len(data)+32)
	b = fmt.Appendf(b, "PUB %s %d\r\n", subject, len(data))
	return w.send(append(append(b, data...), "\r\n"...), wait)
}

// send writes whole lines. Of several senders one writes for all; a sender that does not wait only adds to what that
// one writes. A write that takes longer than writeWithin closes the connection, so the waiting bytes are bounded by
// what arrives in that time.
func (w *Conn) send(data []byte, wait bool) error {
	w.out.Lock()
	defer w.out.Unlock()
	return w.sendLocked(data, wait)
}

// queue has lines written before what is sent next.
func (w *Conn) queue(data []byte) {
	w.out.Lock()
	defer w.out.Unlock()
	w.queued += uint64(len(data))
	w.waiting = append(w.waiting, data...)
}

// sendLocked is send with the lock on what is written held.
func (w *Conn) sendLocked(data []byte, wait bool) error {
	w.queued += uint64(len(data))
	until := w.queued
	if w.writing {
		w.waiting = append(w.waiting, data...)
		for wait && w.wrote < until && w.up.Err() == nil {
			w.written.Wait()
		}
		return context.Cause(w.up)
	}
	w.writing = true
	if len(w.waiting) > 0 {
		data, w.waiting = append(w.waiting, data...), nil
	}
	for len(data) > 0 && w.up.Err() == nil {
		w.out.Unlock()
		err := w.conn.SetWriteDeadline(time.Now().Add(writeWithin))
		if err == nil {
			_, err = w.conn.Write(data)
		}
		if err != nil {
			w.end(err)
		}
		w.out.Lock()
		w.wrote += uint64(len(data))
		data, w.waiting = w.waiting, nil
		w.written.Broadcast()
	}
	w.writing = false
	return context.Cause(w.up)
}
