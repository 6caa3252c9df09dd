package web

import (
	"log/slog"
	"sync"
	"time"
)

// complainEvery is how often one kind of complaint is logged: each may come thousands of times a second.
const complainEvery = 10 * time.Second

// complaints logs what happens often now and then, with how often it has happened.
type complaints struct {
	mu    sync.Mutex
	count uint64
	said  time.Time
}

func (c *complaints) say(log *slog.Logger, sentence string, args ...any) {
	c.mu.Lock()
	c.count++
	count, now := c.count, time.Now()
	silent := !c.said.IsZero() && now.Sub(c.said) < complainEvery
	if !silent {
		c.said = now
	}
	c.mu.Unlock()
	if !silent {
		log.Warn(sentence, append(args, "so_far", count)...)
	}
}
