# R1: the standby dies, the active goes on alone, and dies too. The standby comes back first and must wait: the record says
# who holds what was acknowledged last.
seed 4
1s kill b
2s kill a
3s start b
5s start a
