package world

// Broken names a rule that a world breaks on purpose.
type Broken string
