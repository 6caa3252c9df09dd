package main

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcd is a client with a connection of its own to every node, as it is shipped.
type etcd struct{ client *clientv3.Client }

func newEtcd(j job) (*etcd, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: j.Endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	return &etcd{client}, nil
}

func (e *etcd) write(ctx context.Context, key, value string) error {
	_, err := e.client.Put(ctx, key, value)
	return err
}

func (e *etcd) close() error { return e.client.Close() }
