# Both hosts die within milliseconds while the witness is away; all come back one by one.
seed 5
500ms kill witness
1.5s kill a
1.51s kill b
2s start b
3s start a
4s start witness
