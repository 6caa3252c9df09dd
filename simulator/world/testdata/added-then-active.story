# R4: the standby comes back over a slow wire. In the moment in which it is to be added the wire to it fails, and then the
# active dies. It must not be in the set yet: what the active acknowledged alone is still on its way to it.
seed 9
1s kill b
1.5s slow a b 100ms
2s start b
3.095s cut a b
3.405s kill a
4.905s fix a b
7.905s start a
