. /cases/lib

start funccount 'vfs_*'
dd if=/dev/zero of=/tmp/tw-file bs=1 count=500 2>/dev/null
stop
expect '^@calls\[kprobe:vfs_write\]: ([5-9][0-9]{2}|[0-9]{4,})$'
expect '^@calls\[kprobe:vfs_read\]: [0-9]+$'

start funccount t:sched:sched_process_fork
/bin/true
/bin/true
stop
expect '^@calls\[tracepoint:sched:sched_process_fork\]: [0-9]+$'

start funccount -i 1 -d 2 vfs_read
wait $tool || fail "exit status $?"
expect '^@calls\[kprobe:vfs_read\]: [0-9]+$'

start funccount -r '^vfs_(read|write)$'
dd if=/dev/zero of=/tmp/tw-file bs=1 count=500 2>/dev/null
stop
expect '^@calls\[kprobe:vfs_write\]: ([5-9][0-9]{2}|[0-9]{4,})$'
[ "$(grep -c @calls /tmp/out)" -eq 2 ] || fail "not two functions"
