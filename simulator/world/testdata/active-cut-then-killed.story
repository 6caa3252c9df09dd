# R2: what the active sends no longer arrives, and then it dies, sooner than it could go on alone. What was on its way may be
# gone; nothing of that may have been acknowledged.
seed 8
1s cut a b
1.3s kill a
4s start a
4s fix a b
