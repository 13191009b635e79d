-- ARGV 5 the epoch that must end. Only the first of many who ask changes anything.
if position() == ARGV[5] then begin() end
return 1
