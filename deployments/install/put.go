package install

import (
	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/durable"
)

// Put writes the content of a bundle to a place without checks, for a whole pair on one machine. Files from an
// earlier Put of the same bundle stay, as after a join; the settings are those of this bundle. It returns the
// environment of the process.
func (j Joiner) Put() ([]string, error) {
	nobody := account{-1, -1}
	if err := durable.MakeDir(j.Place.on(j.Place.Settings)); err != nil {
		return nil, err
	}
	had, err := j.Place.readMark()
	if err != nil {
		return nil, err
	}
	if had.State == joined && had.Bundle == bundle.Sum(j.Raw) {
		err = file{path: j.Place.settingsFile(j.Bundle.Name.Role), content: []byte(j.settings())}.write(j.Place, nobody)
	} else {
		_, err = j.write(nobody, false)
	}
	return j.Place.Environ(j.Bundle), err
}
