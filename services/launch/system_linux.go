package launch

import (
	"context"
	"os"

	"github.com/hotpair/hotpair/services/process"
)

// Context must be the first call of a program's main function: it sets the timer slack of the threads, and returns a
// context that ends with the first signal to stop.
func Context(parent context.Context) (context.Context, context.CancelFunc) {
	process.SetSlack()
	return process.Context(parent)
}

func outlive() { process.Outlive() }

func logOutput() *os.File { return process.LogOutput() }

func sayLastWords(reason error) { process.SayLastWords(os.Environ(), reason) }

// sealed returns the environment with the secrets of the parent, once this process is protected from others.
func sealed() ([]string, error) {
	if err := process.Seal(); err != nil { // before there is a secret
		return nil, err
	}
	return process.Environ()
}

func inherit(environ []string) error {
	_, err := process.Inherit(environ)
	return err
}
