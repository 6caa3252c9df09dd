# R6: the active loses standby, witness and all terminals but one, which only it can reach. Its right to answer ends, so that
# terminal waits and hears nothing stale, while the other one is served by the new active.
seed 2
1s cut a b
1s cut b a
1s cut a witness
1s cut witness a
1s cut a t2
1s cut t2 a
1s cut b t1
1s cut t1 b
6s fix a b
6s fix b a
