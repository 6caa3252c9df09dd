package main

import "context"

type partsBench struct{}
type growthBench struct{}
type steadyBench struct{}
type idleBench struct{}

func (*partsBench) options(*options)                     {}
func (*partsBench) measure(context.Context, *run) error  { return nil }
func (*growthBench) options(*options)                    {}
func (*growthBench) measure(context.Context, *run) error { return nil }
func (*steadyBench) options(*options)                    {}
func (*steadyBench) measure(context.Context, *run) error { return nil }
func (*idleBench) options(*options)                      {}
func (*idleBench) measure(context.Context, *run) error   { return nil }

const commandBurn = "burn"

func burn(context.Context, []string) error { return nil }
