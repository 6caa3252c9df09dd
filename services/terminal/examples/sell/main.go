// Command sell sells a seat with Go's own library, as in: go run ./services/terminal/examples/sell http://127.0.0.1:4280 A1 ann
//
// The id is made once: the same request is sent again after any fault and takes effect once.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"
)

// again are the statuses after which the request is sent again: its outcome is unknown, or nothing was done.
var again = []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 8 << 20

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: sell URL SEAT CUSTOMER")
		os.Exit(2)
	}
	answer, err := ask(os.Args[1], "tickets", "sell", map[string]string{"seat": os.Args[2], "customer": os.Args[3]})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(answer))
}

// ask returns the answer of an operation, or the problem from the agent or the service.
func ask(url, service, operation string, question any) ([]byte, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	id := time.Now().UTC().Format(time.RFC3339Nano) + "/" + rand.Text()
	for range 5 {
		answer, repeat, problem := try(url+"/v1/"+service+"/"+operation, id, body)
		if problem == nil {
			return answer, nil
		}
		if err = problem; !repeat {
			break
		}
		time.Sleep(time.Second)
	}
	return nil, err
}

// try asks once.
func try(url, id string, body []byte) (answer []byte, repeat bool, err error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	deadline := "30s"
	if set := os.Getenv("DEADLINE"); set != "" {
		deadline = set
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Hotpair-Request-Id": {id}, "Hotpair-Deadline": {deadline}}
	client := http.Client{Timeout: 40 * time.Second} // longer than the deadline
	response, err := client.Do(r)
	if err != nil {
		return nil, true, err // no agent, or no answer in time
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return nil, true, err
	}
	if response.StatusCode == http.StatusOK {
		return answer, false, nil
	}
	var problem struct {
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(answer, &problem); err != nil {
		return nil, true, err
	}
	return nil, slices.Contains(again, response.StatusCode), errors.New(problem.Detail)
}
