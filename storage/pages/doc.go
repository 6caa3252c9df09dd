// Package pages looks at a bolt file as it lies on the disk, believing nothing that stands in it. bolt maps the file into
// memory and follows every number there: what has been cut, altered or is no bolt file at all would crash it or send it in
// circles, and its own check cannot be caught when it does. So a file is examined before bolt opens it (Examine, about a
// hundredth of the file), and walked as a whole before its content is checked (Walk, beside readers and writers).
//
// It knows the file format of bolt and nothing of what the buckets hold.
package pages
