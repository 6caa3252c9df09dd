# T6, T7: the disk of the standby stands still for longer than patience, and later that of the active.
seed 6
500ms stall b
4s release b
6s stall a
10s release a
