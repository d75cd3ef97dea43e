. /cases/lib

start funclatency -m do_nanosleep
sleep 0.3
sleep 0.3
stop
expect '^@latency:'
expect '^\[256, 512\) +[2-9] \|'

start funclatency -- vfs_read
dd if=/dev/zero of=/dev/null bs=1 count=500 2>/dev/null
stop
expect '^@times: \{ .count = ([5-9][0-9]{2}|[0-9]{4,}), '
