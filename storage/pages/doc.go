// Package pages examines a bolt file on the disk without trusting its content. bolt maps the file into memory and
// follows every number there: a file that was truncated, altered or is no bolt file would crash it or send it in
// circles, and its own check cannot be caught when it does. So a file is examined before bolt opens it (Examine, about
// a hundredth of the file), and walked as a whole before its content is checked (Walk, beside readers and writers).
//
// It knows the file format of bolt and nothing of what the buckets hold.
package pages
