// Command nats sells a seat with the client of NATS, at once or queued:
//
//	go run ./services/terminal/examples/nats sell nats://127.0.0.1:4222 A1 ann
//	go run ./services/terminal/examples/nats queue nats://127.0.0.1:4222 A1 ann order-17
//
// An immediate sale has an id made here: the same request is sent again after any fault and takes effect once. A queued
// sale is executed once for its key, even without a connection to the hosts; after a crash run the same command again.
// The program waits for the outcome.
package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// again are the codes after which the request is sent again: its outcome is unknown, or nothing was done.
var again = []string{"429", "500", "503", "504"}

const (
	tries    = 5
	patience = 40 * time.Second // longer than the deadline
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 4 || args[0] == "queue" && len(args) < 5 {
		return errors.New("usage: nats sell URL SEAT CUSTOMER, or nats queue URL SEAT CUSTOMER KEY")
	}
	nc, err := nats.Connect(args[1], nats.MaxReconnects(-1), nats.ReconnectWait(time.Second), nats.RetryOnFailedConnect(true))
	if err != nil {
		return err
	}
	defer nc.Close()
	body, err := json.Marshal(map[string]string{"seat": args[2], "customer": args[3]})
	if err != nil {
		return err
	}
	if args[0] == "sell" {
		return sell(nc, body)
	}
	return queue(nc, body, args[3], args[4])
}

// sell sells the seat now.
func sell(nc *nats.Conn, body []byte) error {
	deadline := "30s"
	if set := os.Getenv("DEADLINE"); set != "" {
		deadline = set
	}
	id := time.Now().UTC().Format(time.RFC3339Nano) + "/" + rand.Text()
	answer, err := ask(nc, "request.tickets.sell", body, patience, nats.Header{"Hotpair-Request-Id": {id}, "Hotpair-Deadline": {deadline}})
	if err != nil {
		return err
	}
	fmt.Println("done:", string(answer))
	return nil
}

// outcome is the outcome of a queued request.
type outcome struct {
	ID, State, Error string
	Code             int
	Body             json.RawMessage
}

// queue queues the request at the agent, and waits for its outcome.
func queue(nc *nats.Conn, body []byte, lane, key string) error {
	// Subscribe before queueing, so that no result is missed.
	results, err := nc.SubscribeSync("notice.hotpair.result")
	if err != nil {
		return err
	}
	if _, err := nc.Subscribe("notice.tickets.*", func(m *nats.Msg) { fmt.Println("told:", string(m.Data)) }); err != nil {
		return err
	}
	kept, err := ask(nc, "request.tickets.sell", body, 5*time.Second, nats.Header{"Hotpair-Queue": {"yes"}, "Hotpair-Queue-Key": {key}, "Hotpair-Lane": {lane}})
	if err != nil {
		return err
	}
	var queued struct{ ID string }
	if err := json.Unmarshal(kept, &queued); err != nil {
		return err
	}
	fmt.Println("queued:", queued.ID)
	question, err := json.Marshal(map[string]string{"id": queued.ID})
	if err != nil {
		return err
	}
	for {
		// The outcome may be there already, or have been sent while the connection was down: it is not sent again.
		text, err := ask(nc, "queue.get", question, 5*time.Second, nil)
		if err != nil {
			return err
		}
		for again := time.Now().Add(time.Minute); err == nil; { // results of other requests arrive too
			var o outcome
			if err := json.Unmarshal(text, &o); err != nil {
				return err
			}
			if o.ID == queued.ID && o.State != "queued" {
				return o.tell()
			}
			var m *nats.Msg
			if m, err = results.NextMsg(time.Until(again)); err == nil {
				text = m.Data
			}
		}
		if !errors.Is(err, nats.ErrTimeout) {
			return err
		}
	}
}

// tell prints an outcome. The error is for an outcome that is not a success.
func (o outcome) tell() error {
	switch {
	case o.State == "unknown":
		return fmt.Errorf("outcome unknown, check the seat: %s", o.Error)
	case o.Code != 0:
		return fmt.Errorf("refused: %s", o.Error)
	}
	fmt.Println("done:", string(o.Body))
	return nil
}

// ask sends the same request until there is an answer.
func ask(nc *nats.Conn, subject string, body []byte, wait time.Duration, header nats.Header) ([]byte, error) {
	var problem error
	for range tries {
		answer, err := nc.RequestMsg(&nats.Msg{Subject: subject, Data: body, Header: header}, wait)
		if err != nil {
			problem = err // no agent, or no answer in time
		} else if code := answer.Header.Get("Nats-Service-Error-Code"); code == "" {
			return answer.Data, nil
		} else if problem = errors.New(answer.Header.Get("Nats-Service-Error")); !slices.Contains(again, code) {
			break
		}
		time.Sleep(time.Second)
	}
	return nil, problem
}
