package overlay

import (
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

// Tags order the overlay so that a flush meets floors before answers.
const (
	tagFloor  = '1'
	tagAnswer = '2'
	tagData   = '3'
)

// What the names of floors and of answers begin with. Then comes the key that they have in bolt.
const (
	Floors  = string(rune(tagFloor))
	Answers = string(rune(tagAnswer))
)

// floorName and answerName are the names of things in the overlay.
func floorName(terminal string) string { return Floors + terminal }

func answerName(id history.RequestID) string { return Answers + string(layout.AnswerKey(id)) }

// Space precedes the keys of a space; the length keeps one space from beginning like another.
func Space(space string) string {
	return string([]byte{tagData, byte(len(space))}) + space
}

// splitDataName takes the tag, the space and the key apart.
func splitDataName(name string) (space, key string) {
	n := int(name[1])
	return name[2 : 2+n], name[2+n:]
}
