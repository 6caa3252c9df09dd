package bus

// SystemSpace is the key space of what the pair itself keeps in its database, replicated like everything else. No
// service can have this name: names of services have no underscore.
const SystemSpace = "_system"

// Keys in SystemSpace. Each part of the system has a name of its own, and beneath it name + "/" + whatever it likes.
const (
	SystemTerminals = "terminals" // the table of terminals: its head, and below it one key for each terminal
	SystemEvents    = "events"    // the event log: its head, below it one key for each event and for each main that sent some
	SystemAlarms    = "alarms"    // below it the alarms that wait to be acknowledged
	SystemReceipts  = "receipts"  // the keys that sign receipts
	SystemVerify    = "verify"    // outcome of the last comparison of both databases
)
