package updater

import (
	"slices"
	"sync"
	"testing"
)

// TestFault_A4_NotesKeepTheirOrder: notes were written by whoever came first to the lock, so of two notes the older one could stay.
func TestFault_A4_NotesKeepTheirOrder(t *testing.T) {
	var all sync.WaitGroup
	o := &inOrder{group: &all}
	hold := make(chan struct{})
	var got []int
	for n := range 200 {
		o.Go(func() {
			if n == 0 {
				<-hold
			}
			got = append(got, n)
		})
	}
	close(hold)
	all.Wait()
	o.Go(func() { got = append(got, 200) }) // it begins anew
	all.Wait()
	if len(got) != 201 || !slices.IsSorted(got) {
		t.Errorf("in the order %v", got)
	}
}
