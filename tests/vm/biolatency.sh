. /cases/lib

start biolatency
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
expect '^@usecs:'
total=$(sed -n 's/^[[(].*) *\([0-9][0-9]*\) |.*/\1/p' /tmp/out | awk '{ sum += $1 } END { print sum + 0 }')
[ "$total" -ge 16 ] || fail "$total writes counted"
