// Package jsonform encodes the calls of a service to the database, and their replies, as JSON: for services in any
// language.
//
// The first byte of a message tells its form. A message that begins with a brace is JSON and is answered in JSON; any
// other is in the form of package bus. Both forms carry the same: each field of a call has a name here, and a test
// fails when one has none.
//
//   - Keys are text. One that is not is given in base64, in a field whose name ends in _base64.
//   - Values and bodies are JSON, as they are; what is not JSON is given in base64 in the same way. A call with "base64": true has every key,
//     value and body of its reply in base64, to the very byte.
//   - Numbers that a floating-point number can't hold (revisions, sequences, epochs, nanoseconds) are texts of digits. Durations are
//     milliseconds.
//   - Names are read letter by letter, and unknown ones refused. A field that is 0, empty or false may be left out.
package jsonform
