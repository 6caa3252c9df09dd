// Package wording writes numbers, times and names for people: the same on screens, in answers and in events.
package wording
