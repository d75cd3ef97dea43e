# host
. /cases/lib
take_disk

start bitesize
dd if=/dev/zero of=/dev/$disk bs=16384 count=5 oflag=direct 2>/dev/null
stop
# In 5.10 a kernel thread gives the requests to the disk.
expect '^@\[(dd|kworker.*)\]:'
expect '^\[16K, 32K\) +[1-5] \|'
[ "$(total)" -ge 5 ] || fail "$(total) requests counted"
