# host
. /cases/lib

start syscount
dd if=/dev/zero of=/dev/null bs=1 count=3000 2>/dev/null
stop
expect '^@syscall\[read\]: ([3-9][0-9]{3}|[0-9]{5,})$' # others read too
expect '^@process\[dd, [0-9]+\]: ([6-9][0-9]{3}|[0-9]{5,})$'

start syscount -x 1 1
cause stat /tw-missing
finish
expect '^\[[0-9:]{8}\]$'
expect '^@syscall\[statx\]: [0-9]+$'

start syscount -e 3
cause stat /tw-missing
cause kill 2147483647 0
stop
expect '^@syscall\[kill\]: [0-9]+$'
refuse statx

start syscount -P -T 2 -i 6 -d 6
dd if=/dev/zero of=/dev/null bs=1 count=3000 2>/dev/null
finish
expect '^@process\[dd, [0-9]+\]: ([6-9][0-9]{3}|[0-9]{5,})$'
refuse '^@syscall'
[ "$(sed -n '/^\[/,/^$/p' /tmp/out | grep -c '^@process')" -le 4 ] || fail "more than two processes at a time"

start syscount -L -T 1000
sleep 0.4
stop
expect '^@process_usecs\[sleep, [0-9]+\]: ([4-9][0-9]{5}|[0-9]{7,})$'

start syscount -L -m -T 1000
sleep 0.4
stop
expect '^@process_usecs\[sleep, [0-9]+\]: ([4-9][0-9]{2}|[0-9]{4,})$'

sleep 1.5 &
one=$!
start syscount -t $one
wait $one
stop
expect "^@process\[sleep, $one\]: [0-9]+\$"
[ "$(grep -c '^@process' /tmp/out)" -eq 1 ] || fail "other threads than $one"
