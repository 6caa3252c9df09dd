package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// mostClients bounds the clients of etcd: each has a connection to every node, and a connection carries many requests at
// once. One for each of hundreds of writers would cost etcd more than it gives.
const mostClients = 16

// etcd is its own client as it is shipped, several of them shared out among the writers.
type etcd struct{ clients []*clientv3.Client }

func newEtcd(j job) (*etcd, error) {
	e := &etcd{}
	for range min(j.Clients, mostClients) {
		client, err := clientv3.New(clientv3.Config{Endpoints: j.Endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("etcd: %w", err), e.close())
		}
		e.clients = append(e.clients, client)
	}
	return e, nil
}

func (e *etcd) write(ctx context.Context, writer int, key, value string) error {
	_, err := e.clients[writer%len(e.clients)].Put(ctx, key, value)
	return err
}

func (e *etcd) close() error {
	var failed []error
	for _, c := range e.clients {
		failed = append(failed, c.Close())
	}
	return errors.Join(failed...)
}
