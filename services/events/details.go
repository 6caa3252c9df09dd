package events

// Names of details of events.
const (
	DetailProcess = "process" // the process that it is about
	DetailCall    = "call"    // id of an operator's call
	DetailWhat    = "what"    // what an operator wanted
	DetailFrom    = "from"    // address that the operator called from
	DetailVia     = "via"     // host that took the operator's call
)
