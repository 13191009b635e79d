-- KEYS 1 meta, 2 log. ARGV 5 the epoch that must end. Only the first of many who ask changes anything.
if position(KEYS[1], KEYS[2], ARGV[3]) == ARGV[5] then begin(KEYS[1], KEYS[2], ARGV[3]) end
return 1
