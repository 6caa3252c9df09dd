# R9, B1: processes of the active crash and are started again within the term; then it is stopped cleanly, and comes back.
seed 7
500ms crash a updater
1.5s crash a business.kv
2s crash a terminal-if
3s switchover a
4s stop b
5s start b
