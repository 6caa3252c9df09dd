// Package kv is the business process that keeps JSON values under keys.
//
// It is useful as it is and shows what a business process needs: blind writes that need no read (put), optimistic ones
// that read only when they must (cas, delete), and one page of a range at one committed position (list).
//
//	put    {key, value}                → {revision}
//	get    {key}                       → {value, revision}, 404
//	cas    {key, value, revision}      → {revision}, 409; revision 0 demands that the key is absent
//	delete {key}                       → {revision}, 404
//	list   {prefix, limit, after}      → {items: [{key, value, revision}], more}
//
// A key is text of 1 to MaxKey bytes, a value any JSON value, kept as the bytes that came. A revision is the sequence
// of the update that wrote the key, so it grows over all keys of all services and a revision never comes back. list
// goes in the order of the keys' bytes, after the key after, which itself need not be there.
package kv

import (
	"context"
	"encoding/json"

	"github.com/hotpair/hotpair/services/business"
)

// Name of the service.
const Name = "kv"

const (
	// MaxKey bounds a key in bytes.
	MaxKey = 4 << 10
	// defaultList and maxList bound the items of one list.
	defaultList = 100
	maxList     = business.MaxScan
)

// Service returns the service for business.Run.
func Service() business.Service {
	return business.Service{
		Name:        Name,
		Version:     "1.0.0",
		Description: "keeps JSON values under keys",
		Operations: map[string]business.Operation{
			"put":    {Handler: business.Handle(put), Revision: true},
			"get":    {Handler: business.Handle(get), ReadOnly: true},
			"cas":    {Handler: business.Handle(compareAndSet), Revision: true},
			"delete": {Handler: business.Handle(remove), Revision: true},
			"list":   {Handler: business.Handle(list), ReadOnly: true},
		},
	}
}

// Put asks to write a key, whatever it holds.
type Put struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Get asks for a key.
type Get struct {
	Key string `json:"key"`
}

// Got answers Get.
type Got struct {
	Value    json.RawMessage `json:"value"`
	Revision uint64          `json:"revision"`
}

// CompareAndSet asks to write a key if it has a revision; 0: if it is absent.
type CompareAndSet struct {
	Key      string          `json:"key"`
	Value    json.RawMessage `json:"value"`
	Revision *uint64         `json:"revision"`
}

// Delete asks to remove a key.
type Delete struct {
	Key string `json:"key"`
}

// List asks for up to Limit items (at most 1000, 0 means 100) with a prefix and after a key.
type List struct {
	Prefix string `json:"prefix"`
	Limit  int    `json:"limit"`
	After  string `json:"after"`
}

// Listed answers List. More says that there are items after the last one.
type Listed struct {
	Items []Item `json:"items"`
	More  bool   `json:"more"`
}

// Item is a key with its value.
type Item struct {
	Key      string          `json:"key"`
	Value    json.RawMessage `json:"value"`
	Revision uint64          `json:"revision"`
}

func put(_ context.Context, tx *business.Tx, in Put) (any, error) {
	if err := checkWrite(in.Key, in.Value); err != nil {
		return nil, err
	}
	tx.Put(in.Key, in.Value)
	return nil, nil
}

func get(_ context.Context, tx *business.Tx, in Get) (any, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	item, err := tx.Get(in.Key)
	if err != nil {
		return nil, err
	}
	if !item.Found {
		return nil, absent(in.Key)
	}
	return Got{Value: item.Value, Revision: item.Revision}, nil
}

// compareAndSet tries without reading; only if that fails it reads, to report the present revision.
func compareAndSet(_ context.Context, tx *business.Tx, in CompareAndSet) (any, error) {
	if err := checkWrite(in.Key, in.Value); err != nil {
		return nil, err
	}
	if in.Revision == nil {
		return nil, business.Malformed("field \"revision\" is missing; 0 means that the key must be absent")
	}
	if tx.Run() == 1 {
		tx.RequireRevision(in.Key, *in.Revision)
		tx.Put(in.Key, in.Value)
		return nil, nil
	}
	item, err := tx.Get(in.Key)
	if err != nil {
		return nil, err
	}
	switch {
	case item.Revision == *in.Revision:
		tx.Put(in.Key, in.Value)
		return nil, nil
	case !item.Found:
		return nil, business.Conflict("key %q is absent (revision 0), not at revision %d", in.Key, *in.Revision)
	}
	return nil, business.Conflict("key %q is at revision %d, not %d", in.Key, item.Revision, *in.Revision)
}

func remove(_ context.Context, tx *business.Tx, in Delete) (any, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	if tx.Run() == 1 {
		tx.RequirePresent(in.Key)
	} else {
		item, err := tx.Get(in.Key)
		if err != nil {
			return nil, err
		}
		if !item.Found {
			return nil, absent(in.Key)
		}
	}
	tx.Delete(in.Key)
	return nil, nil
}

func list(_ context.Context, tx *business.Tx, in List) (any, error) {
	switch {
	case in.Limit < 0 || in.Limit > maxList:
		return nil, business.Malformed("field \"limit\" is %d, not 1 to %d (0 means %d)", in.Limit, maxList, defaultList)
	case in.Limit == 0:
		in.Limit = defaultList
	}
	items, more, err := tx.Scan(in.Prefix, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	listed := Listed{Items: make([]Item, len(items)), More: more}
	for i, item := range items {
		listed.Items[i] = Item{Key: item.Key, Value: item.Value, Revision: item.Revision}
	}
	return listed, nil
}

func absent(key string) error { return business.NotFound("key %q is absent", key) }

func checkKey(key string) error {
	switch {
	case key == "":
		return business.Malformed("field \"key\" is missing or empty")
	case len(key) > MaxKey:
		return business.Malformed("field \"key\" has %d bytes, at most %d are allowed", len(key), MaxKey)
	}
	return nil
}

func checkWrite(key string, value json.RawMessage) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if value == nil {
		return business.Malformed("field \"value\" is missing; null is allowed")
	}
	return nil
}
