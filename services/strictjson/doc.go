// Package strictjson reads JSON that comes from outside so that it says one thing to everybody.
//
// encoding/json is forgiving where JSON names things: of two equal names the last one counts, AMOUNT is taken for amount, null
// leaves a field at 0, and a byte that is no UTF-8 or half of a surrogate pair becomes U+FFFD, so that two different names
// become one. Each of these has moved money to a wrong account. All of them are refused here, with a sentence that says what
// came, what was expected and what to do.
//
//	Check          one JSON value of any shape: what an agent and terminal-if let through to a service
//	Decode         a request of an application or an operator, or a file that people write: names that there are not are
//	               refused, and so is null for what is not optional
//	DecodeMessage  what one process of hotpair tells another: a name that this one does not know is passed over, because
//	               a newer process may say more; null is an empty list, because encoding/json writes that
//
// The work of decoding is left to encoding/json: what is accepted here decodes as it does there (FuzzDecode). Why not the second
// version of that package, which is strict by itself: it is an experiment still, and the module that has it asks not to be
// depended on.
package strictjson
