package events

// Names of details of events.
const (
	DetailProcess = "process" // the process that it is about
	DetailCall    = "call"    // id of an operator's call
	DetailWhat    = "what"    // what an operator wanted
	DetailFrom    = "from"    // address that the operator called from
	DetailVia     = "via"     // host that took the operator's call
)

// Details of who wanted something. Name and role are proved, the claim is what the name says of itself.
const (
	DetailName   = "name"
	DetailRole   = "role"
	DetailClaim  = "claim"
	DetailReason = "reason"
)

// Act is what somebody wanted of the pair.
type Act struct {
	What, Call, Name, Role, From, Via, Claim, Reason string
}

// Details gives what an event has of it, without what is not known.
func (a Act) Details() map[string]string {
	all := map[string]string{}
	for name, value := range map[string]string{DetailWhat: a.What, DetailCall: a.Call, DetailName: a.Name, DetailRole: a.Role,
		DetailFrom: a.From, DetailVia: a.Via, DetailClaim: a.Claim, DetailReason: a.Reason} {
		if value != "" {
			all[name] = value
		}
	}
	return all
}
