package bus_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/fault"
)

// Withdraw asks for money, and Withdrawn answers it: what is left.
type (
	Withdraw  struct{ Amount int }
	Withdrawn struct{ Left int }
)

// errEmpty crosses the bus: it has a code.
var errEmpty = fault.New("example-empty", "not enough is left")

// A call is declared once, and both sides use it.
var callWithdraw = bus.Order[Withdraw, Withdrawn]("till", "withdraw")

// till is a bus with somebody who answers, and a connection that asks.
func till() (ask *bus.Conn, end func(), err error) {
	ctx := context.Background()
	server, err := broker.NewServer(broker.ServerConfig{Name: "example"})
	if err != nil {
		return nil, nil, err
	}
	if err := server.Start(ctx); err != nil {
		return nil, nil, err
	}
	conn, err := bus.Connect(ctx, bus.ConnConfig{InProcess: server, Once: true})
	if err != nil {
		server.Stop()
		return nil, nil, err
	}
	left := 100
	router := bus.NewRouter("")
	callWithdraw.Handle(router, func(q Withdraw, answer func(Withdrawn, error)) {
		if q.Amount > left {
			answer(Withdrawn{Left: left}, fmt.Errorf("withdraw %d: %w", q.Amount, errEmpty))
			return
		}
		left -= q.Amount
		answer(Withdrawn{Left: left}, nil)
	})
	if _, err := router.Listen(conn, bus.Control("till")); err != nil {
		conn.Close()
		server.Stop()
		return nil, nil, err
	}
	return conn, func() { conn.Close(); server.Stop() }, nil
}

func ExampleEndpoint_Ask() {
	conn, end, err := till()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	fmt.Println(callWithdraw.Ask(context.Background(), conn, Withdraw{Amount: 30}))
	answer, err := callWithdraw.Ask(context.Background(), conn, Withdraw{Amount: 300})
	fmt.Println(err, errors.Is(err, errEmpty), answer.Left)
	// Output:
	// {70} <nil>
	// withdraw 300: not enough is left true 70
}

// Orders that are posted arrive in their order, and who posts does not wait.
func ExampleEndpoint_Post() {
	conn, end, err := till()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	poster, err := bus.NewPoster(bus.HostConns{Control: conn, Traffic: conn})
	if err != nil {
		fmt.Println(err)
		return
	}
	answers := make(chan Withdrawn, 3)
	for _, amount := range []int{10, 20, 30} {
		callWithdraw.Post(poster, Withdraw{Amount: amount}, time.Minute, func(a Withdrawn, _ error) { answers <- a })
	}
	fmt.Println(<-answers, <-answers, <-answers)
	// Output: {90} {70} {40}
}
