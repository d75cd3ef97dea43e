. /cases/lib

start argdist -a 2 vfs_write
dd if=/dev/zero of=/tmp/tw-file bs=321 count=30 2>/dev/null
stop
expect '^@values\[321\]: 30$'

start argdist -S -a 1 do_sys_openat2
cat /nonexistent/tw-missing 2>/dev/null
stop
expect '^@strings\[/nonexistent/tw-missing\]: 1$'

start argdist -H r::vfs_write
dd if=/dev/zero of=/tmp/tw-file bs=300 count=30 2>/dev/null
stop
expect '^\[256, 512\) +3[0-9] \|'
