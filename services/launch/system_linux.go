package launch

import (
	"context"
	"os"

	"github.com/hotpair/hotpair/services/process"
)

// Context is how the main function of a program begins: its threads have the slack that they are to have, and the context that it gives ends
// with the first signal that asks for it.
func Context(parent context.Context) (context.Context, context.CancelFunc) {
	process.SetSlack()
	return process.Context(parent)
}

func outlive() { process.Outlive() }

func logOutput() *os.File { return process.LogOutput() }

func sayLastWords(reason error) { process.SayLastWords(os.Environ(), reason) }

// sealed is the environment with the secrets that a parent has passed, once nobody can look at this process any more.
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
