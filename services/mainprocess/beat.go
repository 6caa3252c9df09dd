package mainprocess

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/services/process"
)

func (h *host) beater(process.Inheritance) func(context.Context, time.Duration) error { return nil }
