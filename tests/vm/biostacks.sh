# host
. /cases/lib
take_disk

start biostacks
dd if=/dev/zero of=/dev/$disk bs=4096 count=4 oflag=direct 2>/dev/null
stop
expect '^@usecs\[$'
expect '(submit_bio|blkdev_|blk_mq_)'
[ "$(total)" -ge 4 ] || fail "$(total) writes counted"
