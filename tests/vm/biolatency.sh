. /cases/lib

start biolatency
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
expect '^@usecs:'
[ "$(total)" -ge 16 ] || fail "$(total) writes counted"
refuse '^@msecs'

start biolatency -Q -m -D -T 1 2
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
finish
expect '^[0-9:]{8}$'
expect '^@disk_msecs\[vda\]:'
[ "$(total 'disk_msecs.vda')" -ge 16 ] || fail "$(total) writes counted on vda"

start biolatency -d vda
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
[ "$(total)" -ge 16 ] || fail "$(total) writes counted on vda alone"

start biolatency -d none
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
[ "$(total)" -eq 0 ] || fail "$(total) writes counted on no disk"
