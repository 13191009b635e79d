-- Starts a new epoch. KEYS 1 meta, 2 log. ARGV 5 the epoch to end. Of several calls, only the first has an effect.
if position(KEYS[1], KEYS[2], ARGV[3]) == ARGV[5] then begin(KEYS[1], KEYS[2], ARGV[3]) end
return 1
