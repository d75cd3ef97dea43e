# host
. /cases/lib
take_disk

start biolatency
dd if=/dev/zero of=/dev/$disk bs=4096 count=16 oflag=direct 2>/dev/null
stop
expect '^@usecs:'
[ "$(total)" -ge 16 ] || fail "$(total) writes counted"
refuse '^@msecs'

start biolatency -Q -m -D -T 1 2
dd if=/dev/zero of=/dev/$disk bs=4096 count=16 oflag=direct 2>/dev/null
finish
expect '^[0-9:]{8}$'
expect '^@disk_msecs\['$disk'\]:'
[ "$(total "disk_msecs.$disk")" -ge 16 ] || fail "$(total) writes counted on $disk"

start biolatency -d $disk
dd if=/dev/zero of=/dev/$disk bs=4096 count=16 oflag=direct 2>/dev/null
stop
[ "$(total)" -ge 16 ] || fail "$(total) writes counted on $disk alone"

start biolatency -d none
dd if=/dev/zero of=/dev/$disk bs=4096 count=16 oflag=direct 2>/dev/null
stop
[ "$(total)" -eq 0 ] || fail "$(total) writes counted on no disk"
