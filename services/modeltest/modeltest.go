// Package modeltest visits every state of a small model. A model is a state that can be compared, what can befall it, and what is
// wrong with it; its test is worth something when taking a law out of it makes it go wrong.
package modeltest

import (
	"slices"
	"strings"
	"testing"
)

// Visit takes what can befall a state: what happens, the state after it, and what is wrong with that it happens, if anything is.
type Visit[S any] func(what string, after S, wrong string)

// Explore visits every state that next leads to from start, the nearest first. States with the same key are the same. wrong says of
// each new state what is wrong with it, if anything is. It gives how many states there are, or those that it came by, and a
// shortest way to what is wrong, which stands at its end; nil if nothing is.
func Explore[S any, K comparable](start S, key func(S) K, next func(S, Visit[S]), wrong func(S) string) (states int, path []string) {
	type step struct {
		from int
		what string
	}
	queue, steps := []S{start}, []step{{}}
	seen := map[K]struct{}{key(start): {}}
	for at := 0; at < len(queue) && path == nil; at++ {
		now := queue[at]
		var none S
		queue[at] = none // large models have much in a state
		next(now, func(what string, after S, why string) {
			k := key(after)
			if _, known := seen[k]; path != nil || known && why == "" {
				return
			}
			if why == "" {
				why = wrong(after)
			}
			if why != "" {
				path = []string{why, what}
				for i := at; i > 0; i = steps[i].from {
					path = append(path, steps[i].what)
				}
				slices.Reverse(path)
				return
			}
			seen[k] = struct{}{}
			queue, steps = append(queue, after), append(steps, step{at, what})
		})
	}
	return len(seen), path
}

// Same is the key of states that can be compared as they are.
func Same[S comparable](state S) S { return state }

// Breaks fails a test unless a model without a law goes wrong, by a way that says a word.
func Breaks(t testing.TB, without any, path []string, word string) {
	t.Helper()
	if text := strings.Join(path, "\n"); path == nil || !strings.Contains(text, word) {
		t.Errorf("%+v: it goes wrong by\n%s\nwithout %q", without, text, word)
		return
	}
	t.Logf("%+v goes wrong after %d events: %s", without, len(path)-1, path[len(path)-1])
}
