# V7, V8: the wires from one host to the other fail in one direction, then in the other, then flap; both see the witness all
# the time. Nobody may believe the other dead because of what it does not hear, and the standby that was dropped comes back.
seed 3
1s cut a b
2.5s fix a b
3.5s cut b a
5s fix b a
5.2s cut b a
5.3s fix b a
5.4s cut b a
5.5s fix b a
