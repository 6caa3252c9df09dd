package plan

import (
	"slices"
	"time"
)

// Scenario is one exploration: where it begins, what may go wrong, where it ends.
type Scenario struct {
	Name   string
	Begin  string // fresh, paired, solo, close, silent, outvoted, slept, severed, relieved
	Faults Faults
	Rules  Rules
	States int           // 0: no bound
	Within time.Duration // 0: no bound
	Heal   bool          // look for a way out of every state
}

// allow gives a bound for Faults: total, of the kinds named, each as often as it is named.
func allow(total int, names ...Kind) Faults {
	f := Faults{Total: uint8(total)}
	for _, k := range names {
		f.Left[k]++
	}
	return f
}

func times(n int, names ...Kind) []Kind { return slices.Repeat(names, n) }

// Scenarios are the explorations of the long run, the short run takes some states of each.
func Scenarios() []Scenario {
	w := func(n int) Rules { return Rules{Writes: n} }
	alone := func(n int) Rules { return Rules{Writes: 2, Witnessless: true, Terminals: n} }
	return []Scenario{
		{Name: "first-pair", Begin: "fresh", Faults: allow(1, Crash, CutPeer, ArbiterDoubt, Lateness, Loss), Rules: w(1), Heal: true},
		{Name: "crashes", Begin: "paired", Faults: allow(2, times(2, Crash)...), Rules: w(2), Heal: true},
		{Name: "any-one", Begin: "paired", Faults: allow(1, Delay, Crash, Freeze, CutLink, CutPeer, CutRepl, CutWitness, Loss, Lateness, Doubling, ArbiterDoubt,
			UpdaterCrash, SessionEnd, SlowClock, Lie, Switchover, Stop, ProcessFailed), Rules: w(2), Heal: true},
		{Name: "crash-and-doubt", Begin: "paired", Faults: allow(2, Crash, ArbiterDoubt), Rules: w(1), Heal: true},
		{Name: "return-and-doubt", Begin: "solo", Faults: allow(2, Crash, ArbiterDoubt, CutPeer), Rules: w(1), Heal: true},
		{Name: "cuts", Begin: "paired", Faults: allow(2, append(times(2, CutWitness), CutPeer, CutLink, CutRepl)...), Rules: w(1), Heal: true},
		{Name: "freeze-and-cut", Begin: "paired", Faults: allow(2, Freeze, CutPeer, SlowClock), Rules: w(1), Heal: true},
		{Name: "handover", Begin: "paired", Faults: allow(2, Switchover, Delay, Crash, CutPeer, Lateness, ArbiterDoubt, Loss, Doubling), Rules: w(1), Heal: true},
		{Name: "stop", Begin: "paired", Faults: allow(2, append(times(2, Stop), Crash, CutWitness, CutPeer)...), Rules: w(1), Heal: true},
		{Name: "updater", Begin: "paired", Faults: allow(2, append(times(2, UpdaterCrash), Crash, SessionEnd, CutRepl)...), Rules: w(2), Heal: true},
		{Name: "updater-gone", Begin: "paired", Faults: allow(3, UpdaterCrash, ProcessFailed, Switchover, Crash, Lateness), Rules: w(1), Heal: true},
		{Name: "lie", Begin: "paired", Faults: allow(2, Lie, Crash, Lateness, Freeze), Rules: w(1), Heal: true},
		{Name: "crash-and-cut", Begin: "paired", Faults: allow(2, Crash, CutPeer, CutLink, CutWitness), Rules: w(1), Heal: true},
		{Name: "cut-and-doubt", Begin: "paired", Faults: allow(2, Freeze, CutPeer, ArbiterDoubt), Rules: w(1), Heal: true},
		{Name: "add", Begin: "close", Faults: allow(2, Crash, CutPeer, CutWitness, Lateness, ArbiterDoubt), Rules: w(1), Heal: true},
		{Name: "freeze-and-doubt", Begin: "silent", Faults: allow(2, Freeze, ArbiterDoubt, Crash), Rules: w(1), Heal: true},
		{Name: "old-read", Begin: "paired", Faults: allow(3, Crash, OldRead, ArbiterDoubt), Rules: w(1), Heal: true},
		{Name: "late-handover", Begin: "paired", Faults: allow(2, Switchover, Delay), Rules: w(1), Heal: true},
		{Name: "delays", Begin: "paired", Faults: allow(2, Delay, Delay, Switchover, CutLink), Rules: w(1), Heal: true},
		{Name: "stop-and-crash", Begin: "paired", Faults: allow(3, Stop, Stop, Crash), Rules: w(1), Heal: true},
		{Name: "pause", Begin: "paired", Faults: allow(3, Pause, Crash, Crash, CutPeer), Rules: w(1), Heal: true},
		{Name: "pause-and-doubt", Begin: "paired", Faults: allow(3, Pause, ArbiterDoubt, Crash, CutWitness), Rules: w(1), Heal: true},
		{Name: "pause-and-hand-over", Begin: "paired", Faults: allow(2, Pause, ProcessFailed, Switchover, Lateness), Rules: w(1), Heal: true},
		{Name: "pause-of-one-who-resigned", Begin: "paired", Faults: allow(4, Stop, CutWitness, Pause, Crash), Rules: w(1), Heal: true},
		{Name: "force", Begin: "paired", Faults: allow(4, Force, Crash, Crash, CutPeer), Rules: Rules{Writes: 2, Forces: true}, Heal: true},
		{Name: "force-and-doubt", Begin: "solo", Faults: allow(3, Force, Crash, ArbiterDoubt, CutWitness), Rules: Rules{Writes: 1, Forces: true}, Heal: true},
		{Name: "lost", Begin: "paired", Faults: allow(2, Lost, Crash, CutPeer, CutLink, CutWitness, ArbiterDoubt, Freeze), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-and-crashes", Begin: "paired", Faults: allow(3, Lost, Crash, Crash), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-while-solo", Begin: "solo", Faults: allow(2, Lost, Crash, CutPeer, ArbiterDoubt, CutWitness), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-and-switchover", Begin: "paired", Faults: allow(2, Lost, Switchover, Stop, Pause, OldRead), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-and-force", Begin: "paired", Faults: allow(3, Lost, Force, Crash), Rules: Rules{Writes: 1, Losses: true, Forces: true}, Heal: true},
		{Name: "lost-twice", Begin: "paired", Faults: allow(2, Lost, Lost), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-and-freeze", Begin: "paired", Faults: allow(2, Lost, Freeze), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-and-cut-off", Begin: "paired", Faults: allow(3, Lost, Freeze, CutWitness), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-and-returned", Begin: "paired", Faults: allow(3, Lost, Freeze, Crash), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-and-taken", Begin: "silent", Faults: allow(2, Lost, Crash), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "lost-and-doubt", Begin: "silent", Faults: allow(3, Lost, ArbiterDoubt, Crash), Rules: Rules{Writes: 1, Losses: true}, Heal: true},
		{Name: "own-copy", Begin: "close", Faults: allow(3, Unkept, UpdaterCrash, Crash), Rules: alone(1), Heal: true},
		{Name: "own-copy-gone", Begin: "close", Faults: allow(3, CopyGone, Crash, Crash), Rules: alone(1), Heal: true},
		{Name: "own-any-one", Begin: "paired", Faults: allow(1, Delay, Crash, Freeze, Loss, Lateness, Doubling, ArbiterDoubt, CutPeer, CutLink, CutRepl,
			UpdaterCrash, SessionEnd, SlowClock, Lie, Switchover, Stop, ProcessFailed, Unkept, CutTerminal), Rules: alone(1), Heal: true},
		{Name: "own-crashes", Begin: "paired", Faults: allow(3, times(3, Crash)...), Rules: alone(1), Heal: true},
		{Name: "own-freeze", Begin: "paired", Faults: allow(2, Freeze, Crash), Rules: alone(1), Heal: true},
		{Name: "own-cut", Begin: "paired", Faults: allow(2, CutPeer, Crash), Rules: alone(1), Heal: true},
		{Name: "own-outvoted", Begin: "outvoted", Faults: allow(2, Crash, Crash, Unkept), Rules: alone(1), Heal: true},
		{Name: "own-slept", Begin: "slept", Faults: allow(2, Crash, CutPeer), Rules: alone(1), Heal: true},
		{Name: "own-severed", Begin: "severed", Faults: allow(2, Crash, Crash, Unkept, ArbiterDoubt), Rules: alone(1), Heal: true},
		{Name: "own-relieved", Begin: "relieved", Faults: allow(1, Crash, ArbiterDoubt), Rules: alone(1), Heal: true},
		{Name: "own-split", Begin: "paired", Faults: allow(4, append(times(2, CutTerminal), CutPeer, Crash)...), Rules: Rules{Writes: 2, Witnessless: true, Terminals: 3, Split: true}, Heal: true},
		{Name: "force-beside-one-that-lives", Begin: "close", Faults: allow(2, Force, CutPeer, Crash), Rules: Rules{Writes: 2, Forces: true, Terminals: 1}, Heal: true},
		{Name: "own-force", Begin: "outvoted", Faults: allow(2, Force, Crash), Rules: Rules{Writes: 2, Witnessless: true, Forces: true, Terminals: 1}, Heal: true},
		{Name: "any-two", Begin: "paired", Faults: allow(2, Delay, Crash, Crash, Freeze, CutLink, CutPeer, CutRepl, CutWitness, Loss, Lateness, Doubling, ArbiterDoubt,
			UpdaterCrash, SessionEnd, SlowClock, Lie, Switchover, Stop, ProcessFailed), Rules: w(1), Heal: true},
	}
}
