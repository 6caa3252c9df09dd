# R2: the active dies, the standby takes over with everything that was acknowledged; then the same the other way round.
seed 1
1s kill a
2.5s start a
4s kill b
5s start b
