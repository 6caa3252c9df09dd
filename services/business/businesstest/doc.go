// Package businesstest has what tests of business processes, and of those who talk with them, need: the updater's
// database calls over a map in memory, and a host with a real bus, real permissions and that database.
//
// The database keeps to the contract of bus.Read, bus.Scan and bus.Commit: group commit, reads of committed state
// only, recorded answers, epochs, bounds. It is not durable and forgets nothing before it ends.
//
//	host := businesstest.NewHost(t)
//	host.Run(kv.Service())
//	reply := host.Call(businesstest.Request("kv", "put", `{"key":"a","value":1}`))
package businesstest
