package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcd is its own client as it is shipped, several of them shared out among the closed loops. Each is told of every node, which it
// needs when one is lost: it has a connection to each, and asks them in turn.
type etcd struct{ clients []*clientv3.Client }

func newEtcd(j job) (*etcd, error) {
	e := &etcd{}
	for range j.Connections {
		client, err := clientv3.New(clientv3.Config{Endpoints: j.Endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("etcd: %w", err), e.close())
		}
		e.clients = append(e.clients, client)
	}
	return e, nil
}

func (e *etcd) write(ctx context.Context, client int, key, value string) error {
	_, err := e.clients[client%len(e.clients)].Put(ctx, key, value)
	return err
}

// read is linearizable, as shipped.
func (e *etcd) read(ctx context.Context, client int, key string) error {
	answer, err := e.clients[client%len(e.clients)].Get(ctx, key)
	if err == nil && len(answer.Kvs) == 0 {
		err = errAbsent
	}
	return err
}

func (e *etcd) close() error {
	var failed []error
	for _, c := range e.clients {
		failed = append(failed, c.Close())
	}
	return errors.Join(failed...)
}
