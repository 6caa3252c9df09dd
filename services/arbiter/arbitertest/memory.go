// Package arbitertest is a register in memory for tests, with the faults that a network adds, and the conformance suite
// that every arbiter.Register must pass.
//
// The register itself is real: compare-and-set under a mutex. What can be made to fail is the way of each client to it:
//
//	m := arbitertest.NewMemory()
//	a, b := m.Client(), m.Client()
//	a.Next(arbitertest.Delay) // a's next write is cut off from its answer and lands when the test says so
//	_, err := a.Write(ctx, record, 1) // arbiter.ErrUnknown, and the register is unchanged
//	b.Write(ctx, other, 1)
//	a.Land() // refused now: b's write was first
package arbitertest

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/role"
)

// Fault is what happens to one write on its way.
type Fault int

const (
	// LoseRequest: the write never arrives. The caller gets arbiter.ErrUnknown.
	LoseRequest Fault = iota + 1
	// LoseReply: the write takes effect (or is refused), the answer is lost. The caller gets arbiter.ErrUnknown.
	LoseReply
	// Delay: the caller gets arbiter.ErrUnknown at once, the write arrives at Land (V3).
	Delay
)

// Memory is the register.
type Memory struct {
	mu       sync.Mutex
	id       string
	revision uint64
	record   []byte // encoded, so that no caller shares slices with another
	made     int
}

// NewMemory makes an empty register with an identity of its own.
func NewMemory() *Memory { return &Memory{id: "memory-0"} }

// Replace empties the register and gives it another identity, as a new witness has (V12 iii, iv).
func (m *Memory) Replace() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made++
	m.id, m.revision, m.record = "memory-"+strconv.Itoa(m.made), 0, nil
}

// Snapshot gives a function that puts the register back to what it holds now, as a restored disk does (V12 ii).
func (m *Memory) Snapshot() (restore func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, revision, record := m.id, m.revision, m.record
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.id, m.revision, m.record = id, revision, record
	}
}

// Value is what the register holds, seen without any client.
func (m *Memory) Value() arbiter.Value {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := arbiter.Value{Revision: m.revision, WitnessID: m.id, Empty: m.record == nil}
	if m.record != nil {
		record, err := arbiter.Decode(m.record)
		if err != nil {
			panic(fmt.Sprintf("a register in memory was damaged: %v", err))
		}
		v.Record = record
	}
	return v
}

func (m *Memory) write(data []byte, witness string, expected uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if witness != m.id {
		return 0, fmt.Errorf("%w: %w: %q answers, the record names %q", arbiter.ErrUnreachable, arbiter.ErrOtherWitness, m.id, witness)
	}
	if expected != m.revision {
		return 0, fmt.Errorf("%w: %d, expected %d", arbiter.ErrConflict, m.revision, expected)
	}
	was, next := role.Record{}, role.Record{}
	var err error
	if m.record != nil {
		was, err = arbiter.Decode(m.record)
	}
	if err == nil {
		next, err = arbiter.Decode(data)
	}
	if err == nil {
		err = next.Follows(was)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", arbiter.ErrUnreachable, err)
	}
	m.revision++
	m.record = data
	return m.revision, nil
}

// Client gives one more way to the register.
func (m *Memory) Client() *Client { return &Client{memory: m} }

// Client is one host's way to a Memory, an arbiter.Register.
type Client struct {
	memory *Memory
	mu     sync.Mutex
	cut    bool
	faults []Fault
	late   []func()
}

var _ arbiter.Register = (*Client)(nil)

// Cut makes the register unreachable for this client until Heal. What was delayed stays under way.
func (c *Client) Cut() { c.mu.Lock(); c.cut = true; c.mu.Unlock() }

// Heal ends Cut.
func (c *Client) Heal() { c.mu.Lock(); c.cut = false; c.mu.Unlock() }

// Next sets the faults of the next writes, one for each.
func (c *Client) Next(faults ...Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, faults...)
}

// Land lets every delayed write arrive, in order, and gives how many did.
func (c *Client) Land() int {
	c.mu.Lock()
	late := c.late
	c.late = nil
	c.mu.Unlock()
	for _, arrive := range late {
		arrive()
	}
	return len(late)
}

// Read implements arbiter.Register.
func (c *Client) Read(ctx context.Context) (arbiter.Value, error) {
	if err := c.reach(ctx); err != nil {
		return arbiter.Value{}, err
	}
	return c.memory.Value(), nil
}

// Write implements arbiter.Register.
func (c *Client) Write(ctx context.Context, record role.Record, expected uint64) (uint64, error) {
	if err := c.reach(ctx); err != nil {
		return 0, err
	}
	data, err := arbiter.Encode(record)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", arbiter.ErrUnreachable, err)
	}
	if id := c.memory.Value().WitnessID; record.WitnessID != id {
		return 0, fmt.Errorf("%w: %w: %q answers, the record names %q", arbiter.ErrUnreachable, arbiter.ErrOtherWitness, id, record.WitnessID)
	}
	switch c.fault() {
	case LoseRequest:
		return 0, fmt.Errorf("%w: request lost", arbiter.ErrUnknown)
	case LoseReply:
		_, _ = c.memory.write(data, record.WitnessID, expected)
		return 0, fmt.Errorf("%w: reply lost", arbiter.ErrUnknown)
	case Delay:
		c.mu.Lock()
		c.late = append(c.late, func() { _, _ = c.memory.write(data, record.WitnessID, expected) })
		c.mu.Unlock()
		return 0, fmt.Errorf("%w: request delayed", arbiter.ErrUnknown)
	}
	return c.memory.write(data, record.WitnessID, expected)
}

func (c *Client) fault() Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) == 0 {
		return 0
	}
	f := c.faults[0]
	c.faults = c.faults[1:]
	return f
}

func (c *Client) reach(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", arbiter.ErrUnreachable, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return fmt.Errorf("%w: cut", arbiter.ErrUnreachable)
	}
	return nil
}
