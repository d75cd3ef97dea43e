# host
. /cases/lib

start syscount
dd if=/dev/zero of=/dev/null bs=1 count=3000 2>/dev/null
stop
expect '^Top 10 syscalls:$'
expect '^@syscall\[read\]: ([3-9][0-9]{3}|[0-9]{5,})$' # others read too
expect '^@process\[dd\]: ([6-9][0-9]{3}|[0-9]{5,})$'

start syscount -x 1 1
cause stat /tw-missing
finish
expect '^@syscall\[statx\]: [0-9]+$'

start syscount -L
sleep 0.4
stop
expect '^@process_usecs\[sleep\]: ([4-9][0-9]{5}|[0-9]{7,})$'
