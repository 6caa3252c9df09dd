package role

import (
	"time"

	"github.com/hotpair/hotpair/services/role/exchange"
)

// What happens.
type (
	Input             = exchange.Input
	Outcome           = exchange.Outcome
	Tick              = exchange.Tick
	FactsRead         = exchange.FactsRead
	RecordRead        = exchange.RecordRead
	RecordWritten     = exchange.RecordWritten
	PeerView          = exchange.PeerView
	PeerBeat          = exchange.PeerBeat
	BeatAnswered      = exchange.BeatAnswered
	PeerEvidence      = exchange.PeerEvidence
	TerminalsAsked    = exchange.TerminalsAsked
	Prepared          = exchange.Prepared
	Served            = exchange.Served
	TerminalsAttached = exchange.TerminalsAttached
	Required          = exchange.Required
	Drained           = exchange.Drained
	Progress          = exchange.Progress
	UpdaterState      = exchange.UpdaterState
	Fitness           = exchange.Fitness
	Terminals         = exchange.Terminals
	ProcessFailed     = exchange.ProcessFailed
	HandOver          = exchange.HandOver
	HandOverRefused   = exchange.HandOverRefused
	Resigned          = exchange.Resigned
	SwitchoverWanted  = exchange.SwitchoverWanted
	StopWanted        = exchange.StopWanted
)

// What operators order.
type (
	ForceWanted   = exchange.ForceWanted
	AdmitWanted   = exchange.AdmitWanted
	WitnessWanted = exchange.WitnessWanted
	PauseWanted   = exchange.PauseWanted
)

// What the machine orders.
type (
	Action          = exchange.Action
	ReadRecord      = exchange.ReadRecord
	WriteRecord     = exchange.WriteRecord
	AnswerBeat      = exchange.AnswerBeat
	SendBeat        = exchange.SendBeat
	AskTerminals    = exchange.AskTerminals
	Prepare         = exchange.Prepare
	Release         = exchange.Release
	Serve           = exchange.Serve
	AttachTerminals = exchange.AttachTerminals
	Require         = exchange.Require
	Drain           = exchange.Drain
	BecomeStandby   = exchange.BecomeStandby
	WriteFacts      = exchange.WriteFacts
	Resign          = exchange.Resign
	TellPeer        = exchange.TellPeer
	Refuse          = exchange.Refuse
	Report          = exchange.Report
	Exit            = exchange.Exit
)

// The words for both.
type (
	Step = exchange.Step
	Role = exchange.Role
	Mode = exchange.Mode
)

// See there.
const (
	Won        = exchange.Won
	Lost       = exchange.Lost
	Unwritten  = exchange.Unwritten
	InDoubt    = exchange.InDoubt
	Absent     = exchange.Absent
	Behind     = exchange.Behind
	Close      = exchange.Close
	Awaited    = exchange.Awaited
	B1         = exchange.B1
	B2         = exchange.B2
	B3         = exchange.B3
	B4         = exchange.B4
	B5         = exchange.B5
	B6         = exchange.B6
	B7         = exchange.B7
	B8         = exchange.B8
	B9         = exchange.B9
	Starting   = exchange.Starting
	Standby    = exchange.Standby
	Takeover   = exchange.Takeover
	Active     = exchange.Active
	Handover   = exchange.Handover
	Stopped    = exchange.Stopped
	Paired     = exchange.Paired
	Solo       = exchange.Solo
	Waiting    = exchange.Waiting
	CatchingUp = exchange.CatchingUp
	Receiving  = exchange.Receiving
)

// TickAfter returns the tick for the time that has passed since the last step.
func TickAfter(passed, interval time.Duration) Tick { return exchange.TickAfter(passed, interval) }
