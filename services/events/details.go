package events

// Keys of the details of events.
const (
	DetailProcess = "process" // the process that it is about
	DetailCall    = "call"    // id of an operator's call
	DetailWhat    = "what"    // the operation that an operator called
	DetailFrom    = "from"    // address that the operator called from
	DetailVia     = "via"     // host that received the operator's call
)

// Details of the caller. Name and role are proved, the claim is not.
const (
	DetailName   = "name"
	DetailRole   = "role"
	DetailClaim  = "claim"
	DetailReason = "reason"
)

// Act is a call of an operator.
type Act struct {
	What, Call, Name, Role, From, Via, Claim, Reason string
}

// Details returns the details of an event about the act, without unknown ones.
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
